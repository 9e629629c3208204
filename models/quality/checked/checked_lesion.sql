-- Lesions as sites sent them, with what their rules look at beside.
with

{{ checked_records('lesion') }},

patients as (select * from {{ ref('patient_facts') }}),

lesions as (select * from {{ ref('lesion_facts') }}),

told as (
    {{ staged_records('lesion', [
        'patient_id', 'lesion_no', 'segment', 'baseline_size_mm', 'baseline_date',
    ]) }}
),

disputed as (
    select
        lesion_id,
        {{ sorted_texts('modality') }} as modalities
    from {{ ref('int_accepted_reads') }}
    where readers_disagree and timepoint = 'preop'
    group by lesion_id
),

numbers as (
    select distinct
        patient_id,
        lesion_no
    from told
    where lesion_no is not null
),

numbers_of_alike as (
    select
        patient_id,
        segment,
        baseline_size_mm,
        baseline_date,
        lesion_no
    from told
    where segment is not null and baseline_size_mm is not null and baseline_date is not null
    group by patient_id, segment, baseline_size_mm, baseline_date, lesion_no
),

alike as (
    select
        patient_id,
        segment,
        baseline_size_mm,
        baseline_date,
        count(lesion_no) as n_alike
    from numbers_of_alike
    group by patient_id, segment, baseline_size_mm, baseline_date
    having count(lesion_no) > 1
)

select
    {{ record_columns('lesion') }},
    records.received_date,

    ---------- as told
    {{ form_values('lesion') }}

    ---------- how it was written
    {{ writing_columns(['patient', 'lesion']) }}

    ---------- beside the patient's other lesions
    patients.n_lesion_records,
    patients.highest_lesion_no,
    numbers.lesion_no is not null as has_number_before,
    coalesce(alike.n_alike, 1) as n_alike,
    patients.chemo_start_date_upper,

    ---------- beside its reads
    coalesce(lesions.n_baseline_reads, 0) as n_baseline_reads,
    coalesce(lesions.n_preop_reads, 0) as n_preop_reads,
    lesions.local_ct_verdict,
    lesions.local_ct_date,
    disputed.modalities as disputed_modalities,
    coalesce(lesions.is_operated, false) as is_operated,
    coalesce(lesions.is_baseline_lesion, false) as is_baseline_lesion,
    coalesce(lesions.is_dlm, false) as is_dlm,
    lesions.ct_verdict,
    lesions.mri_verdict,
    lesions.ious_verdict,
    lesions.ct_read_date,
    lesions.mri_read_date,
    lesions.ct_days_before_surgery,
    lesions.mri_days_before_surgery,

    ---------- beside the operation and follow-up
    coalesce(lesions.n_actions, 0) as n_actions,
    lesions.disposition,
    lesions.day_zero,
    lesions.day_zero_lower,
    patients.last_imaging_date,
    patients.last_imaging_date_upper,
    patients.death_date
from records
left join patients on records.patient_id = patients.patient_id
left join lesions on records.lesion_id = lesions.lesion_id
left join disputed on records.lesion_id = disputed.lesion_id
left join numbers
    on
        records.patient_id = numbers.patient_id
        and records.lesion_no - 1 = numbers.lesion_no
left join alike
    on
        records.patient_id = alike.patient_id
        and records.segment = alike.segment
        and records.baseline_size_mm = alike.baseline_size_mm
        and records.baseline_date = alike.baseline_date
