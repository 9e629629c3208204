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
        max(time_days) as last_day,
        -- as R, to the square root of the machine precision
        min(case when survival <= 0.5 + 1.4901161193847656e-8 then time_days end)
            as first_day_at_half,
        min(survival) as last_survival
        {%- for month in var('landmark_months') %},
        min(case when time_days <= {{ month * var('days_per_month') }} then survival end)
            as survival_{{ month }}m
        {%- endfor %}
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
        'not the median or the landmarks of the curve' as violation
    from curves
    inner join km_summary using (paramcd, grouping, group_value, conf_type)
    where
        (km_summary.median_days is null) <> (curves.first_day_at_half is null)
        or km_summary.median_days < curves.first_day_at_half
        or km_summary.median_days > curves.last_day
        or (km_summary.median_days is null) <> (km_summary.median_not_estimable_reason is not null)
        or abs(
            km_summary.median_days / {{ var('days_per_month') }} - km_summary.median_months
        ) > 1e-9
        or km_summary.followup_median_days not between 0 and curves.last_day
        {%- for month in var('landmark_months') %}
        or (
            case
                when
                    curves.last_day >= {{ month * var('days_per_month') }}
                    or curves.last_survival = 0
                    then abs(
                        km_summary.survival_{{ month }}m
                        - coalesce(curves.survival_{{ month }}m, 1)
                    ) < 1e-12
                else km_summary.survival_{{ month }}m is null
            end
        ) is not true
        {%- endfor %}
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
        or rmst_std_err <= 0
        or (rmst_days is null) <> (rmst_horizon_days = 0)
        or (rmst_std_err is null) <> (rmst_not_estimable_reason is not null)
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
            (hazard_ratio is null) = (not_estimable_reason is not null)
            {%- for prefix in ['', 'stratified_'] %}
            and ({{ prefix }}logrank_chi2 is null) = ({{ prefix }}p_value is null)
            and ({{ prefix }}logrank_chi2 is null) = ({{ prefix }}df is null)
            and coalesce({{ prefix }}logrank_chi2 >= 0, true)
            and coalesce({{ prefix }}df between 1 and n_groups - 1, true)
            and coalesce({{ prefix }}p_value between 0 and 1, true)
            and ({{ prefix }}hazard_ratio is null) = ({{ prefix }}hr_lower is null)
            and coalesce({{ prefix }}hazard_ratio >= {{ prefix }}hr_lower, true)
            and coalesce({{ prefix }}hazard_ratio <= {{ prefix }}hr_upper, true)
            {%- endfor %}
        ) is not true
)

select * from violations
