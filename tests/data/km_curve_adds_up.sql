-- The steps of each curve follow from one another, start with everyone and end with nobody.
with

km_curve as (
    select * from {{ ref('km_curve') }}
),

time_to_event as (
    select * from {{ ref('time_to_event') }}
),

steps as (
    select
        *,
        lead(n_risk, 1, 0) over (
            partition by paramcd, grouping, group_value, conf_type
            order by time_days
        ) as n_risk_next,
        lag(survival, 1, cast(1 as double)) over (
            partition by paramcd, grouping, group_value, conf_type
            order by time_days
        ) as survival_before
    from km_curve
),

level as (
    select {{ confidence_z() }} as z
),

sizes as (
    select
        paramcd,
        'overall' as grouping,
        'all' as group_value,
        count(*) as n,
        sum(1 - cnsr) as n_event
    from time_to_event
    group by paramcd
    {%- for grouping in var('survival_groupings') %}
    union all
    select
        paramcd,
        '{{ grouping.column }}' as grouping,
        {{ grouping.column }} as group_value,
        count(*) as n,
        sum(1 - cnsr) as n_event
    from time_to_event
    where {{ grouping.column }} is not null
    group by paramcd, {{ grouping.column }}
    {%- endfor %}
),

conf_types as (
    select 'log' as conf_type
    union all
    select 'log-log' as conf_type
),

curve_sizes as (
    select
        paramcd,
        grouping,
        group_value,
        conf_type,
        max(n_risk) as n,
        sum(n_event) as n_event
    from km_curve
    group by paramcd, grouping, group_value, conf_type
),

violations as (
    select
        paramcd,
        grouping,
        group_value,
        conf_type,
        time_days,
        'those at risk next are not those left' as violation
    from steps
    where n_risk_next != n_risk - n_event - n_censor or n_event + n_censor = 0
    union all
    select
        paramcd,
        grouping,
        group_value,
        conf_type,
        time_days,
        'survival rises, falls without an event, or is no share' as violation
    from steps
    where
        (survival between 0 and survival_before) is not true
        or (survival < survival_before) != (n_event > 0)
    union all
    select
        paramcd,
        grouping,
        group_value,
        conf_type,
        time_days,
        'interval missing, without the estimate in it, or where there is none' as violation
    from km_curve
    where
        case
            when survival = 0 or (survival = 1 and conf_type = 'log-log')
                then ci_lower is null and ci_upper is null
            -- exp(ln(S)) may round past S
            else coalesce(
                ci_lower between 0 and survival + 1e-12
                and ci_upper between survival - 1e-12 and 1,
                false
            )
        end is not true
    union all
    select
        km_curve.paramcd,
        km_curve.grouping,
        km_curve.group_value,
        km_curve.conf_type,
        km_curve.time_days,
        'the standard error is not that of the interval' as violation
    from km_curve
    cross join level
    where
        km_curve.conf_type = 'log'
        and km_curve.survival > 0
        and (
            abs(
                ln(km_curve.survival / km_curve.ci_lower)
                - level.z * km_curve.std_err / km_curve.survival
            ) < 1e-9
        ) is not true
    union all
    select
        coalesce(sizes.paramcd, curve_sizes.paramcd) as paramcd,
        coalesce(sizes.grouping, curve_sizes.grouping) as grouping,
        coalesce(sizes.group_value, curve_sizes.group_value) as group_value,
        coalesce(conf_types.conf_type, curve_sizes.conf_type) as conf_type,
        0 as time_days,
        'not the patients and events of time_to_event' as violation
    from sizes
    cross join conf_types
    full join curve_sizes
        on
            sizes.paramcd = curve_sizes.paramcd
            and sizes.grouping = curve_sizes.grouping
            and sizes.group_value = curve_sizes.group_value
            and conf_types.conf_type = curve_sizes.conf_type
    where (sizes.n = curve_sizes.n and sizes.n_event = curve_sizes.n_event) is not true
)

select * from violations
