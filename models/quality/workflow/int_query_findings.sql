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
        {{ key_of(['rule_id', 'site_id', 'form', 'record_key', 'column_name']) }} as found_hash
    from found
),

-- Only of these may a record be found at another column than before.
several_columns as (
    select rule_id
    from found
    group by rule_id
    having count(distinct coalesce(column_name, '')) > 1
),

-- A query is about a record whatever its column; it is named by the column it was first found at.
first_named as (
    select
        rule_id,
        record_hash,
        min_by(found_hash, snapshot_no) as query_hash
    from (
        select
            hashed.rule_id,
            hashed.snapshot_no,
            hashed.found_hash,
            {{ key_of(['hashed.site_id', 'hashed.form', 'hashed.record_key']) | indent(8) }}
                as record_hash
        from hashed
        inner join several_columns on hashed.rule_id = several_columns.rule_id
    ) as of_records
    group by rule_id, record_hash
    having min(found_hash) <> max(found_hash)
),

named as (
    select
        hashed.*,
        coalesce(first_named.query_hash, hashed.found_hash) as query_hash
    from hashed
    left join first_named
        on
            hashed.rule_id = first_named.rule_id
            and {{ key_of(['hashed.site_id', 'hashed.form', 'hashed.record_key']) | indent(12) }}
            = first_named.record_hash
),

-- Of a million queries one pair or so.
sharing_ten_digits as (
    select left(query_hash, 10) as ten_digits
    from named
    group by left(query_hash, 10)
    having min(query_hash) <> max(query_hash)
),

-- The one found first keeps its name: waivers and replies know it by that.
found_later as (
    select query_hash
    from (
        select
            named.query_hash,
            row_number() over (
                partition by sharing_ten_digits.ten_digits
                order by min(named.snapshot_no), named.query_hash
            ) as found_no
        from named
        inner join sharing_ten_digits
            on left(named.query_hash, 10) = sharing_ten_digits.ten_digits
        group by sharing_ten_digits.ten_digits, named.query_hash
    ) as of_ten_digits
    where found_no > 1
)

select
    'Q-' || left(
        named.query_hash, case when found_later.query_hash is null then 10 else 20 end
    ) as query_id,
    named.snapshot_no,
    named.received_at,
    named.is_current,
    named.rule_id,
    named.severity,
    named.site_id,
    named.patient_id,
    named.lesion_id,
    named.form,
    named.record_key,
    named.column_name,
    named.evidence,
    named.evidence_hash,
    named.source,
    named.file,
    named.line
from named
left join found_later on named.query_hash = found_later.query_hash
