-- Kaplan-Meier estimates: one row per endpoint, group, interval type and distinct time.
{%- set key = ['paramcd', 'grouping', 'group_value'] %}
with

time_to_event as (
    select * from {{ ref('time_to_event') }}
),

subjects as (
    {{ survival_subjects('time_to_event', ['aval as time_value', '1 - cnsr as had_event']) }}
),

counts as (
    {{ survival_counts('subjects', key) }}
),

steps as (
    {{ kaplan_meier('counts', key) }}
),

curve as (
    {{ kaplan_meier_intervals('steps', key) }}
)

select
    cast(paramcd as string) as paramcd,
    cast(grouping as string) as grouping,
    cast(group_value as string) as group_value,
    cast(conf_type as string) as conf_type,
    cast(time_value as integer) as time_days,

    ---------- counts
    cast(n_risk as bigint) as n_risk,
    cast(n_event as bigint) as n_event,
    cast(n_censor as bigint) as n_censor,

    ---------- estimate
    cast(survival as double) as survival,
    cast(std_err as double) as std_err,
    cast(ci_lower as double) as ci_lower,
    cast(ci_upper as double) as ci_upper
from curve
