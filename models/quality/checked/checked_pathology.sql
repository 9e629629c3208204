-- Specimens as sites sent them, with what their rules look at beside.
with

{{ checked_records('pathology') }},

lesions as (select * from {{ ref('lesion_facts') }}),

dispositions as (
    select
        lesion_id,
        specimen_id,
        min(surgery_date) as surgery_date,
        min(surgery_date_lower) as surgery_date_lower,
        max(surgery_date_upper) as surgery_date_upper
    from {{ ref('checked_disposition') }}
    where specimen_id is not null and surgery_date is not null
    group by lesion_id, specimen_id
),

-- What was adjudicated is settled, as long as the specimens say what they said then.
adjudicated as (
    select distinct lesion_id
    from {{ ref('int_adjudications') }}
    where kind = 'reference' and is_in_force
),

reads as (
    {{ staged_records('read', ['lesion_id', 'timepoint', 'size_mm']) | indent(4) }}
),

-- The largest size of any imaging before surgery; a lesion that was gone has none.
last_sizes as (
    select
        lesion_id,
        max(size_mm) as size_mm
    from reads
    where timepoint = 'preop' and size_mm > 0
    group by lesion_id
)

select
    {{ record_columns('pathology') }},
    records.received_date,

    ---------- as told
    {{ form_values('pathology') }}

    ---------- how it was written
    {{ writing_columns(['patient', 'lesion']) }}

    ---------- beside the lesion
    coalesce(
        lesions.was_resected or lesions.was_ablated or lesions.was_left
        or lesions.was_resected_later,
        false
    ) as was_operated_on,
    -- a specimen is removed with the stage that names it; one of a lesion that was left, later
    coalesce(
        dispositions.surgery_date, lesions.resection_date, lesions.later_resection_date
    ) as removal_date,
    coalesce(dispositions.surgery_date_lower, lesions.removal_date_lower) as removal_date_lower,
    coalesce(dispositions.surgery_date_upper, lesions.removal_date_upper) as removal_date_upper,
    coalesce(
        lesions.has_viable_specimen and lesions.has_nonviable_specimen
        and adjudicated.lesion_id is null,
        false
    ) as has_opposed_specimens,
    last_sizes.size_mm as last_size_mm
from records
left join lesions on records.lesion_id = lesions.lesion_id
left join dispositions
    on
        records.lesion_id = dispositions.lesion_id
        and records.specimen_id = dispositions.specimen_id
left join adjudicated on records.lesion_id = adjudicated.lesion_id
left join last_sizes on records.lesion_id = last_sizes.lesion_id
