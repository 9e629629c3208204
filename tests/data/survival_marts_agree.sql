-- Every curve has its summary, every endpoint its comparison; estimates lie within their bounds.
with

km_curve as (
    select * from {{ ref('km_curve') }}
),

km_summary as (
    select * from {{ ref('km_summary') }}
),

survival_comparison as (
    select * from {{ ref('survival_comparison') }}
),

curves as (
    select
        paramcd,
        grouping,
        group_value,
        conf_type,
        cast(sum(n_event + n_censor) as bigint) as n,
        cast(sum(n_event) as bigint) as events,
        max(time_days) as last_day
    from km_curve
    group by paramcd, grouping, group_value, conf_type
),

known_groupings as (
    {{ survival_grouping_names() }}
),

groupings as (
    select distinct
        curves.paramcd,
        known_groupings.grouping
    from curves
    cross join known_groupings
),

group_counts as (
    select
        groupings.paramcd,
        groupings.grouping,
        count(distinct curves.group_value) as n_groups
    from groupings
    left join curves using (paramcd, grouping)
    group by groupings.paramcd, groupings.grouping
),

compared as (
    select
        paramcd,
        grouping,
        max(n_groups) as n_groups,
        count(*) as n_rows
    from survival_comparison
    group by paramcd, grouping
),

summarised as (
    select
        paramcd,
        grouping,
        group_value,
        conf_type,
        max(n) as n,
        max(events) as events,
        max(rmst_horizon_days) as rmst_horizon_days,
        count(*) as n_rows
    from km_summary
    group by paramcd, grouping, group_value, conf_type
),

violations as (
    select
        paramcd,
        grouping,
        'a curve without its one summary, or of other patients' as violation
    from curves
    full join summarised using (paramcd, grouping, group_value, conf_type)
    where
        (
            curves.n = summarised.n
            and curves.events = summarised.events
            and curves.last_day >= summarised.rmst_horizon_days
            and summarised.n_rows = 1
        ) is not true
    union all
    select
        paramcd,
        grouping,
        'median, restricted mean or landmark out of bounds' as violation
    from km_summary
    where
        median_lower_days > median_days
        or median_upper_days < median_days
        or rmst_days > rmst_horizon_days
        or rmst_std_err < 0
        {%- for month in var('landmark_months') %}
        or survival_{{ month }}m < survival_{{ month }}m_lower - 1e-12
        or survival_{{ month }}m > survival_{{ month }}m_upper + 1e-12
        {%- endfor %}
    union all
    select
        paramcd,
        grouping,
        'an endpoint without its one comparison, or of other groups' as violation
    from group_counts
    full join compared using (paramcd, grouping)
    where (group_counts.n_groups = compared.n_groups and compared.n_rows = 1) is not true
    union all
    select
        paramcd,
        grouping,
        'a statistic is null without a reason, or out of bounds' as violation
    from survival_comparison
    where
        (
            (logrank_chi2 is null) = (p_value is null)
            and (hazard_ratio is null) = (not_estimable_reason is not null)
            and coalesce(p_value between 0 and 1, true)
            and coalesce(hazard_ratio between hr_lower and hr_upper, true)
        ) is not true
)

select * from violations
