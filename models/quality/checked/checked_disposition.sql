-- What was done to each lesion, as sites sent it, with what its rules look at beside.
with

{{ checked_records('disposition') }},

lesions as (select * from {{ ref('lesion_facts') }}),

told as (
    {{ staged_records('disposition', [
        'patient_id', 'lesion_id', 'stage', 'action', 'record_key',
    ]) }}
),

stages as (
    select
        patient_id,
        stage,
        min(surgery_date) as surgery_date,
        min(surgery_date_lower) as surgery_date_lower,
        max(surgery_date_upper) as surgery_date_upper,
        max(case when performed = 'yes' then 1 else 0 end) = 1 as is_performed
    from {{ ref('checked_surgery') }}
    group by patient_id, stage
),

specimens as (
    {{ staged_records('pathology', [
        'lesion_id', 'pathology_date_lower', 'pathology_date_upper',
    ]) }}
),

-- Specimens that may have been reported about the time of the stage: of dates of which a part is
-- known the nearest days count, and one without a date is not held against it.
specimens_in_time as (
    select
        told.record_key,
        count(*) as n_specimens
    from told
    inner join specimens on told.lesion_id = specimens.lesion_id
    left join stages
        on
            told.patient_id = stages.patient_id
            and told.stage = stages.stage
    where
        coalesce(
            {{ days_between('stages.surgery_date_upper', 'specimens.pathology_date_lower') }}
            <= {{ var('quality').specimen_due_days }}
            and {{ days_between('specimens.pathology_date_upper', 'stages.surgery_date_lower') }}
            <= {{ var('quality').specimen_due_days }},
            true
        )
    group by told.record_key
),

resections as (
    select
        told.lesion_id,
        min(told.stage) as resected_at_stage
    from told
    inner join stages
        on
            told.patient_id = stages.patient_id
            and told.stage = stages.stage
    where told.action = 'resected' and stages.is_performed and told.lesion_id is not null
    group by told.lesion_id
)

select
    {{ record_columns('disposition') }},
    records.received_date,

    ---------- as told
    {{ form_values('disposition') }}

    ---------- how it was written
    {{ writing_columns(['patient', 'lesion', 'stage']) }}

    ---------- beside its stage, specimens and reads
    stages.surgery_date,
    stages.surgery_date_lower,
    stages.surgery_date_upper,
    coalesce(stages.is_performed, false) as is_performed,
    resections.resected_at_stage,
    coalesce(specimens_in_time.n_specimens, 0) as n_specimens_in_time,
    coalesce(lesions.n_specimens, 0) as n_specimens,
    coalesce(
        lesions.was_resected or lesions.was_ablated or lesions.was_resected_later, false
    ) as was_operated_since,
    lesions.ious_verdict
from records
left join lesions on records.lesion_id = lesions.lesion_id
left join stages
    on
        records.patient_id = stages.patient_id
        and records.stage = stages.stage
left join specimens_in_time on records.record_key = specimens_in_time.record_key
left join resections on records.lesion_id = resections.lesion_id
