-- What is read off each Kaplan-Meier curve: one row per endpoint, group and interval type.
{%- set key = ['paramcd', 'grouping', 'group_value'] %}
{%- set months = var('landmark_months') %}
{%- set landmarks = [] %}
{%- for month in months %}
{%- do landmarks.append((month, month * var('days_per_month'))) %}
{%- endfor %}
with

km_curve as (
    select
        *,
        time_days as time_value
    from {{ ref('km_curve') }}
),

-- The steps are the same beside either interval.
counts as (
    select
        paramcd,
        grouping,
        group_value,
        time_value,
        n_risk,
        n_event,
        n_censor,
        survival
    from km_curve
    where conf_type = 'log'
),

sizes as (
    select
        paramcd,
        grouping,
        group_value,
        sum(n_event + n_censor) as n,
        sum(n_event) as events
    from counts
    group by paramcd, grouping, group_value
),

medians as (
    {{ survival_quantiles('km_curve', key + ['conf_type']) }}
),

landmark_values as (
    {{ survival_at('km_curve', key + ['conf_type'], landmarks) }}
),

landmarks_across as (
    select
        paramcd,
        grouping,
        group_value,
        conf_type,
        {%- for month in months %}
        max(case when landmark = {{ month }} then survival end) as survival_{{ month }}m,
        max(case when landmark = {{ month }} then ci_lower end) as survival_{{ month }}m_lower,
        max(case when landmark = {{ month }} then ci_upper end) as survival_{{ month }}m_upper
        {{- ',' if not loop.last }}
        {%- endfor %}
    from landmark_values
    group by paramcd, grouping, group_value, conf_type
),

restricted_means as (
    {{ restricted_mean('counts', key, ['paramcd', 'grouping']) }}
),

followup_steps as (
    {{ kaplan_meier('counts', key, event='n_censor', censor='n_event') }}
),

followup_curve as (
    {{ kaplan_meier_intervals('followup_steps', key) }}
),

followup_medians as (
    {{ survival_quantiles('followup_curve', key + ['conf_type']) }}
)

select
    cast(medians.paramcd as string) as paramcd,
    cast(medians.grouping as string) as grouping,
    cast(medians.group_value as string) as group_value,
    cast(medians.conf_type as string) as conf_type,
    cast(sizes.n as bigint) as n,
    cast(sizes.events as bigint) as events,

    ---------- median
    {%- for unit, divisor in [('days', 1), ('months', var('days_per_month'))] %}
    {%- for bound in ['', '_lower', '_upper'] %}
    {%- set column = 'median' ~ bound ~ '_' ~ unit %}
    cast(medians.quantile{{ bound }} / {{ divisor }} as double) as {{ column }},
    {%- endfor %}
    {%- endfor %}

    cast(case
        when medians.quantile is not null then null
        when sizes.events = 0 then 'no event'
        else 'survival stays above one half'
    end as string) as median_not_estimable_reason,

    ---------- survival at the landmarks
    {%- for month in months %}
    {%- for bound in ['', '_lower', '_upper'] %}
    {%- set column = 'survival_' ~ month ~ 'm' ~ bound %}
    cast(landmarks_across.{{ column }} as double) as {{ column }},
    {%- endfor %}
    {%- endfor %}

    ---------- restricted mean
    cast(restricted_means.restricted_mean as double) as rmst_days,
    cast(restricted_means.std_err as double) as rmst_std_err,
    cast(restricted_means.horizon as double) as rmst_horizon_days,
    cast(restricted_means.not_estimable_reason as string) as rmst_not_estimable_reason,

    ---------- follow-up
    cast(followup_medians.quantile as double) as followup_median_days
from medians
inner join sizes using (paramcd, grouping, group_value)
inner join landmarks_across using (paramcd, grouping, group_value, conf_type)
inner join restricted_means using (paramcd, grouping, group_value)
inner join followup_medians using (paramcd, grouping, group_value, conf_type)
