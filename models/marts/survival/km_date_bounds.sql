-- Medians if partial dates were as early, or as late, as they can be: one row per curve and dating.
{%- set key = ['paramcd', 'grouping', 'group_value', 'dating'] %}
with

time_to_event as (
    select * from {{ ref('time_to_event') }}
),

datings as (
    {%- for dating, suffix in [('used', ''), ('earliest', '_earliest'), ('latest', '_latest')] %}
    {{ 'union all' if not loop.first }}
    select
        *,
        '{{ dating }}' as dating,
        aval{{ suffix }} as time_value,
        1 - cnsr{{ suffix }} as had_event,
        case when date_precision in ('month', 'year') then 1 else 0 end as is_partial
    from time_to_event
    {%- endfor %}
),

subjects as (
    {{ survival_subjects('datings', ['dating', 'time_value', 'had_event', 'is_partial']) }}
),

sizes as (
    select
        {{ key | join(', ') }},
        count(*) as n,
        sum(had_event) as events,
        sum(is_partial) as n_partial
    from subjects
    group by {{ key | join(', ') }}
),

counts as (
    {{ survival_counts('subjects', key) }}
),

steps as (
    {{ kaplan_meier('counts', key) }}
),

curve as (
    {{ kaplan_meier_intervals('steps', key) }}
),

medians as (
    {{ survival_quantiles('curve', key + ['conf_type']) }}
)

select
    cast(sizes.paramcd as string) as paramcd,
    cast(sizes.grouping as string) as grouping,
    cast(sizes.group_value as string) as group_value,
    cast(sizes.dating as string) as dating,
    cast(sizes.n as bigint) as n,
    cast(sizes.events as bigint) as events,
    cast(sizes.n_partial as bigint) as n_partial,
    cast(medians.quantile as double) as median_days,
    cast(medians.quantile_lower as double) as median_lower_days,
    cast(medians.quantile_upper as double) as median_upper_days
from sizes
inner join medians using (paramcd, grouping, group_value, dating)
where medians.conf_type = 'log-log'
