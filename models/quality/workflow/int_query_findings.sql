{{ config(schema='checked') }}
-- One row per finding of this build and of every earlier snapshot, under the query it belongs to.
with

violations as (select * from {{ ref('violations') }}),

earlier_violations as (select * from {{ ref('load_violation_history') }}),

snapshots as (select * from {{ ref('quality_snapshots') }}),

found as (
    select
        snapshots.snapshot_no,
        snapshots.received_at,
        snapshots.is_current,
        violations.rule_id,
        violations.severity,
        violations.site_id,
        violations.patient_id,
        violations.lesion_id,
        violations.form,
        violations.record_key,
        violations.column_name,
        violations.evidence,
        violations.evidence_hash,
        violations.source,
        violations.file,
        violations.line
    from violations
    cross join snapshots
    where snapshots.is_current
    union all
    select
        snapshots.snapshot_no,
        snapshots.received_at,
        snapshots.is_current,
        earlier_violations.rule_id,
        earlier_violations.severity,
        earlier_violations.site_id,
        earlier_violations.patient_id,
        earlier_violations.lesion_id,
        earlier_violations.form,
        earlier_violations.record_key,
        earlier_violations.column_name,
        earlier_violations.evidence,
        earlier_violations.evidence_hash,
        earlier_violations.source,
        earlier_violations.file,
        earlier_violations.line
    from earlier_violations
    inner join snapshots
        on
            earlier_violations.snapshot_id = snapshots.snapshot_id
            and not snapshots.is_current
),

-- The form is part of the key: a lesion and an operation stage may share theirs.
hashed as (
    select
        *,
        {{ key_of(['rule_id', 'site_id', 'form', 'record_key', 'column_name']) }} as query_hash
    from found
),

-- Of a million queries one pair or so.
sharing_ten_digits as (
    select left(query_hash, 10) as ten_digits
    from hashed
    group by left(query_hash, 10)
    having min(query_hash) <> max(query_hash)
),

-- The one found first keeps its name: waivers and replies know it by that.
found_later as (
    select query_hash
    from (
        select
            hashed.query_hash,
            row_number() over (
                partition by sharing_ten_digits.ten_digits
                order by min(hashed.snapshot_no), hashed.query_hash
            ) as found_no
        from hashed
        inner join sharing_ten_digits
            on left(hashed.query_hash, 10) = sharing_ten_digits.ten_digits
        group by sharing_ten_digits.ten_digits, hashed.query_hash
    ) as of_ten_digits
    where found_no > 1
)

select
    'Q-' || left(
        hashed.query_hash, case when found_later.query_hash is null then 10 else 20 end
    ) as query_id,
    hashed.snapshot_no,
    hashed.received_at,
    hashed.is_current,
    hashed.rule_id,
    hashed.severity,
    hashed.site_id,
    hashed.patient_id,
    hashed.lesion_id,
    hashed.form,
    hashed.record_key,
    hashed.column_name,
    hashed.evidence,
    hashed.evidence_hash,
    hashed.source,
    hashed.file,
    hashed.line
from hashed
left join found_later on hashed.query_hash = found_later.query_hash
