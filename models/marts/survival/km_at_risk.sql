-- The counts under a Kaplan-Meier figure: one row per curve and month of its grid.
with

km_curve as (
    select * from {{ ref('km_curve') }}
),

counts as (
    select *
    from km_curve
    -- the counts are the same beside either interval
    where conf_type = 'log'
),

sizes as (
    select
        paramcd,
        grouping,
        group_value,
        sum(n_event + n_censor) as n,
        -- a year of the grid is left after the last time, so that an axis may end on a round number
        greatest(max(time_days) / cast({{ var('days_per_month') }} as double), 0) + 12 as last_month
    from counts
    group by paramcd, grouping, group_value
),

months as (
    {%- for month in range(0, var('at_risk_until_months') + 1, var('at_risk_every_months')) %}
    {{ 'union all' if not loop.first }}
    select {{ month }} as time_months
    {%- endfor %}
),

grid as (
    select
        sizes.paramcd,
        sizes.grouping,
        sizes.group_value,
        sizes.n,
        months.time_months,
        months.time_months * cast({{ var('days_per_month') }} as double) as time_days
    from sizes
    inner join months on greatest(sizes.last_month, 24) >= months.time_months
),

counted as (
    select
        grid.paramcd,
        grid.grouping,
        grid.group_value,
        grid.time_months,
        grid.time_days,
        max(grid.n) as n,
        coalesce(sum(counts.n_event), 0) as n_event,
        coalesce(sum(counts.n_censor), 0) as n_censor
    from grid
    left join counts
        on
            grid.paramcd = counts.paramcd
            and grid.grouping = counts.grouping
            and grid.group_value = counts.group_value
            and grid.time_days > counts.time_days
    group by grid.paramcd, grid.grouping, grid.group_value, grid.time_months, grid.time_days
)

select
    cast(paramcd as string) as paramcd,
    cast(grouping as string) as grouping,
    cast(group_value as string) as group_value,
    cast(time_months as integer) as time_months,
    cast(time_days as double) as time_days,
    cast(n - n_event - n_censor as bigint) as n_risk,
    cast(n_censor as bigint) as n_censor,
    cast(n_event as bigint) as n_event
from counted
