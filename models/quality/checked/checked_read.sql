-- Reads as sites sent them, with what their rules look at beside; part of the query of judged_read.
-- The joins are to a few facts per patient or lesion and to the few exams that are at odds; the
-- reads themselves pass once.
with

{{ checked_records('read', ['modality', 'verdict']) }},

patients as (select * from {{ ref('patient_facts') }}),

lesions as (
    select *
    from {{ ref('lesion_facts') }}
    where {{ in_slice('lesion_id') }}
),

accepted as (select * from {{ ref('int_accepted_reads') }}),

-- An exam is read for all lesions on one day: that of most. A lesion read a few days off it is
-- told; dates further apart are two exams, and operation stages have days of their own.
lesion_exams as (
    select
        lesion_id,
        patient_id,
        modality,
        timepoint,
        exam_date
    from accepted
    where timepoint in ('baseline', 'preop')
),

exam_days as (
    select
        patient_id,
        modality,
        timepoint,
        exam_date,
        count(*) as n_lesions
    from lesion_exams
    group by patient_id, modality, timepoint, exam_date
),

patient_exams as (
    select
        patient_id,
        modality,
        timepoint,
        -- The day of most lesions, of equal ones the last: one number, for text takes memory.
        max_by(
            exam_date,
            n_lesions * 1000000 + {{ days_between("date '1900-01-01'", 'exam_date') }}
        ) as exam_date
    from exam_days
    group by patient_id, modality, timepoint
    having count(*) > 1
),

exams_elsewhere as (
    select
        lesion_exams.lesion_id,
        lesion_exams.modality,
        lesion_exams.timepoint,
        lesion_exams.exam_date,
        patient_exams.exam_date as usual_exam_date
    from lesion_exams
    inner join patient_exams
        on
            lesion_exams.patient_id = patient_exams.patient_id
            and lesion_exams.modality = patient_exams.modality
            and lesion_exams.timepoint = patient_exams.timepoint
    where
        lesion_exams.exam_date <> patient_exams.exam_date
        and abs({{ days_between('lesion_exams.exam_date', 'patient_exams.exam_date') }})
        <= {{ var('quality').one_exam_days }}
        and {{ in_slice('lesion_exams.lesion_id') }}
),

told_of_contested as (
    select told.*
    from (
        {{ staged_records('read', ['record_key', 'verdict', 'size_mm', 'reader_role'])
            | indent(4) }}
    ) as told
    inner join contested on told.record_key = contested.record_key
),

contested_reads as (
    select
        record_key,
        count(
            distinct coalesce(verdict, '') || '|' || coalesce(cast(size_mm as string), '')
        ) > 1 as has_two_verdicts,
        count(distinct coalesce(reader_role, '')) > 1 as has_two_roles
    from told_of_contested
    group by record_key
)

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
where {{ in_slice('records.lesion_id') }}
