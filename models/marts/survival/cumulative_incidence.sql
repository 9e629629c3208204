-- Aalen-Johansen incidence with a competing event: one row per endpoint, group and distinct time.
{%- set key = ['paramcd', 'grouping', 'group_value'] %}
with

time_to_event as (
    select * from {{ ref('time_to_event') }}
),

endpoint_sources as (
    select * from {{ ref('ref_endpoint_sources') }}
),

-- Endpoints that name nothing which competes have no incidence beside 1 - survival.
contested as (
    select distinct paramcd
    from endpoint_sources
    where incidence = 'competing'
),

times as (
    select time_to_event.*
    from time_to_event
    inner join contested on time_to_event.paramcd = contested.paramcd
),

subjects as (
    {{ survival_subjects('times', ['aval as time_value', 'outcome_code as outcome']) }}
),

counts as (
    {{ competing_counts('subjects', key) }}
),

steps as (
    {{ cumulative_incidence('counts', key) }}
),

curve as (
    {{ incidence_intervals('steps', key) }}
)

select
    cast(paramcd as string) as paramcd,
    cast(grouping as string) as grouping,
    cast(group_value as string) as group_value,
    cast(time_value as integer) as time_days,

    ---------- counts
    cast(n_risk as bigint) as n_risk,
    cast(n_event as bigint) as n_event,
    cast(n_competing as bigint) as n_competing,
    cast(n_censor as bigint) as n_censor,

    ---------- estimate
    cast(event_free as double) as event_free,
    cast(incidence as double) as incidence,
    cast(std_err as double) as std_err,
    cast(ci_lower as double) as ci_lower,
    cast(ci_upper as double) as ci_upper,
    cast(incidence_competing as double) as incidence_competing
from curve
