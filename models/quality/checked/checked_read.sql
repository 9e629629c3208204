-- Reads as sites sent them, with what their rules look at beside; part of the query of judged_read.
-- The joins are to a few facts per patient or lesion and to the few exams that are at odds; the
-- reads themselves pass once, and nothing that is asked of all is asked again in every slice.
with

{{ checked_records('read', ['modality', 'verdict']) }},

patients as (
    select *
    from {{ ref('patient_facts') }}
    where {{ in_slice('patient_id') }}
),

lesions as (
    select *
    from {{ ref('lesion_facts') }}
    where {{ in_slice('patient_id') }}
),

exams_elsewhere as (
    select *
    from {{ ref('exams_on_other_days') }}
    where {{ in_slice('patient_id') }}
),

contested_reads as (select * from {{ ref('contested_reads') }})

select
    {{ record_columns('read') }},
    records.received_date,

    ---------- as told
    {{ form_values('read') }}
    records.modality_text,
    records.verdict_text,

    ---------- how it was written
    {{ writing_columns(['patient', 'lesion']) }}

    ---------- beside the other reads
    coalesce(contested_reads.has_two_verdicts, false) as has_two_verdicts,
    coalesce(contested_reads.has_two_roles, false) as has_two_roles,
    exams_elsewhere.usual_exam_date,
    -- The size in the same modality at the timepoint before.
    case
        {%- for modality in ['CT', 'MRI'] %}
        when records.modality = '{{ modality }}' and records.timepoint = 'preop'
            then lesions.{{ modality | lower }}_size_at_baseline_mm
        when records.modality = '{{ modality }}' and records.timepoint = 'followup'
            then lesions.{{ modality | lower }}_size_at_preop_mm
        {%- endfor %}
    end as previous_size_mm,

    ---------- beside the lesion and the patient
    lesions.baseline_date,
    lesions.baseline_date_lower,
    lesions.first_pathology_date_upper,
    coalesce(lesions.is_dlm, false) as is_dlm,
    lesions.ct_read_date,
    lesions.mri_read_date,
    patients.chemo_start_date_upper,
    patients.first_surgery_date,
    patients.first_surgery_date_lower,
    patients.first_surgery_date_upper,
    patients.surgery_days,
    coalesce(patients.has_known_surgery_days, false) as has_known_surgery_days,
    patients.death_date,
    patients.death_date_upper,
    patients.last_contact_date,
    patients.last_contact_date_upper
from records
left join contested_reads on records.record_key = contested_reads.record_key
left join exams_elsewhere
    on
        records.lesion_id = exams_elsewhere.lesion_id
        and records.modality = exams_elsewhere.modality
        and records.timepoint = exams_elsewhere.timepoint
        and records.read_date = exams_elsewhere.exam_date
left join lesions on records.lesion_id = lesions.lesion_id
left join patients on records.patient_id = patients.patient_id
where {{ in_slice('records.patient_id') }}
