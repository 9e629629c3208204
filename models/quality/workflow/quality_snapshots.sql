-- One row per state of the deliveries that quality is known of; the last is this build's own. Plain
-- dbt, which knows no history, has that one alone.
with

known as (
    select
        snapshot_id,
        snapshot_no,
        cast(received_at as date) as received_at
    from {{ ref('load_quality_snapshots') }}
),

last_known as (select coalesce(max(snapshot_no), 0) as snapshot_no from known),

snapshots as (
    select
        known.snapshot_id,
        known.snapshot_no,
        known.received_at,
        known.snapshot_no = last_known.snapshot_no as is_current
    from known
    cross join last_known
    union all
    select
        'unrecorded' as snapshot_id,
        1 as snapshot_no,
        cast(null as date) as received_at,
        true as is_current
    from last_known
    where snapshot_no = 0
)

select
    cast(snapshot_id as string) as snapshot_id,
    cast(snapshot_no as integer) as snapshot_no,
    received_at,
    is_current
from snapshots
