-- One row per key of which several differing reads were sent: in what they differ.
with

contested as (
    select record_key
    from {{ ref('int_contested_records') }}
    where form = 'read'
),

reads as (
    {{ staged_records('read', ['record_key', 'verdict', 'size_mm', 'reader_role']) | indent(4) }}
),

told as (
    select reads.*
    from reads
    inner join contested on reads.record_key = contested.record_key
)

select
    record_key,
    count(
        distinct coalesce(verdict, '') || '|' || coalesce(cast(size_mm as string), '')
    ) > 1 as has_two_verdicts,
    count(distinct coalesce(reader_role, '')) > 1 as has_two_roles
from told
group by record_key
