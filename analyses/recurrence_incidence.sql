-- How many had a recurrence within one, two and three years, death without one competing?
-- 再発のない死亡を競合リスクとして、1年・2年・3年以内に再発した割合はどれだけか
with

horizons as (
    select 1 as years
    union all
    select 2 as years
    union all
    select 3 as years
),

last_steps as (
    select
        curve.paramcd,
        curve.grouping,
        curve.group_value,
        horizons.years,
        max(curve.time_days) as time_days
    from marts.cumulative_incidence as curve
    inner join horizons on curve.time_days <= horizons.years * 365.25
    group by curve.paramcd, curve.grouping, curve.group_value, horizons.years
)

select
    last_steps.paramcd,
    last_steps.grouping,
    last_steps.group_value,
    last_steps.years,
    round(100 * curve.incidence, 1) as percent,
    round(100 * curve.ci_lower, 1) as lower_percent,
    round(100 * curve.ci_upper, 1) as upper_percent
from last_steps
inner join marts.cumulative_incidence as curve
    on
        last_steps.paramcd = curve.paramcd
        and last_steps.grouping = curve.grouping
        and last_steps.group_value = curve.group_value
        and last_steps.time_days = curve.time_days
where last_steps.paramcd = 'RFS'
order by last_steps.grouping, last_steps.group_value, last_steps.years
