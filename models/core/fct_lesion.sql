with

lesions as (select * from {{ ref('int_lesion_records') }}),

registrations as (select * from {{ ref('int_registrations') }}),

imaging as (select * from {{ ref('int_lesion_imaging') }}),

reference as (select * from {{ ref('int_lesion_reference') }}),

evaluability as (select * from {{ ref('int_lesion_evaluability') }})

select
    lesions.lesion_key,
    lesions.lesion_id,
    lesions.patient_key,
    lesions.patient_id,
    registrations.site_id,
    lesions.lesion_no,

    ---------- at baseline
    lesions.segment,
    lesions.baseline_size_mm,
    {{ size_band('lesions.baseline_size_mm') }} as size_band,
    lesions.baseline_date,
    lesions.site_disappeared,
    imaging.is_baseline_lesion,
    imaging.is_operated,

    ---------- accepted reads
    imaging.ct_verdict,
    imaging.mri_verdict,
    imaging.ious_verdict,
    imaging.ceious_verdict,
    imaging.ct_read_date,
    imaging.mri_read_date,
    imaging.ct_days_before_surgery,
    imaging.mri_days_before_surgery,
    imaging.ct_conditions_met,
    imaging.mri_conditions_met,
    imaging.ct_in_time,
    imaging.mri_in_time,
    imaging.ceious_conditions_met,

    ---------- disappearance
    imaging.is_dlm,
    imaging.is_confirmed_dlm,
    imaging.mri_group,

    ---------- what surgery did
    reference.disposition,
    reference.disposition_stage,
    reference.specimen_id,
    reference.was_resected_later,
    reference.later_resection_date,

    ---------- the truth
    reference.reference_standard,
    reference.reference_verdict,
    reference.reference_reason,
    reference.reference_adjudication_id,
    reference.reference_date,
    reference.regrowth_date,
    reference.days_to_regrowth,

    ---------- evaluability
    evaluability.is_evaluable,
    evaluability.not_evaluable_reason,
    evaluability.is_evaluable_ceious
from lesions
inner join imaging on lesions.lesion_id = imaging.lesion_id
inner join reference on lesions.lesion_id = reference.lesion_id
inner join evaluability on lesions.lesion_id = evaluability.lesion_id
left join registrations on lesions.patient_id = registrations.patient_id
