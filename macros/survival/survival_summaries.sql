{#-
    Time by which the share `probability` of a curve has had the event, with its interval (the same rule on the
    bounds of the curve), as R's quantile.survfit does: where the curve stays level at exactly that share the
    midpoint of the stretch, which ends at the last time of all where it has no next event; null where the share
    is never reached. `by` includes conf_type. Equal means within the square root of the machine precision.
-#}
{% macro survival_quantiles(curve, by, probability=0.5) -%}
    {%- set key = by | join(', ') -%}
    {%- set tolerance = '1.4901161193847656e-8' -%}
    with bounds as (
        {%- for bound, column in
            [('estimate', 'survival'), ('lower', 'ci_lower'), ('upper', 'ci_upper')] %}
        select
            {{ key }},
            '{{ bound }}' as bound,
            time_value,
            -- a curve falls at events only
            case when n_event > 0 then 1e0 - {{ column }} end as fallen
        from {{ curve }}
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    ),

    levels as (
        select
            {{ key }},
            bound,
            max(time_value) as last_time,
            min(case when fallen >= {{ probability }} - {{ tolerance }} then fallen end) as level_at,
            min(case when fallen >= {{ probability }} + {{ tolerance }} then fallen end) as level_past
        from bounds
        group by {{ key }}, bound
    ),

    times as (
        select
            {{ key }},
            bound,
            max(last_time) as last_time,
            min(case when fallen = level_at then time_value end) as time_at,
            min(case when fallen = level_past then time_value end) as time_past
        from levels
        inner join bounds using ({{ key }}, bound)
        group by {{ key }}, bound
    ),

    quantiles as (
        select
            {{ key }},
            bound,
            (time_at + coalesce(time_past, last_time)) / 2e0 as quantile
        from times
    )

    select
        {{ key }},
        max(case when bound = 'estimate' then quantile end) as quantile,
        max(case when bound = 'lower' then quantile end) as quantile_lower,
        max(case when bound = 'upper' then quantile end) as quantile_upper
    from quantiles
    group by {{ key }}
{%- endmacro %}

{#-
    Survival with its interval at each of the landmarks, a list of (label, time) of numbers: the step that
    holds then. Null after the last time, unless the curve had come down to 0. `by` includes conf_type.
-#}
{% macro survival_at(curve, by, landmarks) -%}
    {%- set key = by | join(', ') -%}
    with landmarks as (
        {%- for label, time in landmarks %}
        select {{ label }} as landmark, cast({{ time }} as double) as landmark_time
        {%- if not loop.last %}
        union all
        {%- endif %}
        {%- endfor %}
    ),

    holding as (
        select
            {{ key }},
            landmark,
            landmark_time,
            max(time_value) as last_time,
            max(case when time_value <= landmark_time then time_value end) as time_value
        from {{ curve }}
        cross join landmarks
        group by {{ key }}, landmark, landmark_time
    ),

    read_off as (
        select
            {{ key }},
            landmark,
            landmark_time <= last_time or survival = 0 as is_known,
            coalesce(survival, 1e0) as survival,
            case when holding.time_value is null and conf_type = 'log' then 1e0 else ci_lower end
                as ci_lower,
            case when holding.time_value is null and conf_type = 'log' then 1e0 else ci_upper end
                as ci_upper
        from holding
        left join {{ curve }} using ({{ key }}, time_value)
    )

    select
        {{ key }},
        landmark,
        case when is_known then survival end as survival,
        case when is_known then ci_lower end as ci_lower,
        case when is_known then ci_upper end as ci_upper
    from read_off
{%- endmacro %}

{#-
    Restricted mean survival time: the area under each curve up to `horizon`, the smallest of the largest
    times of the curves that share the columns `within` (so that they can be compared), with the standard
    error from the variance sum of (area from t to the horizon)^2 * d / (n (n - d)) over the event times t
    (Klein and Moeschberger, Survival Analysis, 2nd ed., 4.5.2). Nothing is estimated over no time, and a curve
    without an event before the horizon has no standard error: the sum is empty, 0 in R, as though the mean were
    known exactly. not_estimable_reason says which.
-#}
{% macro restricted_mean(steps, by, within) -%}
    {%- set key = by | join(', ') -%}
    with last_times as (
        select {{ key }}, max(time_value) as last_time
        from {{ steps }}
        group by {{ key }}
    ),

    horizons as (
        select {{ within | join(', ') }}, cast(min(last_time) as double) as horizon
        from last_times
        group by {{ within | join(', ') }}
    ),

    stretches as (
        select
            {{ key }},
            time_value,
            horizon,
            n_risk,
            n_event,
            min(time_value) over (partition by {{ key }}) as first_time,
            survival * greatest(
                least(
                    coalesce(
                        lead(time_value) over (partition by {{ key }} order by time_value), horizon
                    ),
                    horizon
                ) - time_value,
                0
            ) as area
        from {{ steps }}
        inner join horizons using ({{ within | join(', ') }})
    ),

    areas as (
        select
            {{ key }},
            horizon,
            time_value,
            least(first_time, horizon) as area_before,
            area,
            n_event / (cast(n_risk as double) * nullif(n_risk - n_event, 0)) as variance_added,
            sum(area) over (
                partition by {{ key }}
                order by time_value desc
                rows between unbounded preceding and current row
            ) as area_beyond
        from stretches
    ),

    sums as (
        select
            {{ key }},
            horizon,
            max(area_before) + {{ ordered_sum('area', 'time_value') }} as area,
            {{ ordered_sum(
                'coalesce(area_beyond * area_beyond * variance_added, 0e0)', 'time_value'
            ) }} as mean_variance
        from areas
        group by {{ key }}, horizon
    )

    select
        {{ key }},
        horizon,
        case when horizon > 0 then area end as restricted_mean,
        case when mean_variance > 0 then sqrt(mean_variance) end as std_err,
        case
            when horizon = 0 then 'a group has no time after 0'
            when mean_variance = 0 then 'no standard error: no event before the horizon'
        end as not_estimable_reason
    from sums
{%- endmacro %}
