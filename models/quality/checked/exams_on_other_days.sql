{#-
One row per accepted exam of a lesion that was read a few days off the day on which most lesions of
the patient were read in that modality at that timepoint. An exam is read for all lesions on one
day; dates further apart are two exams, and operation stages have days of their own.
-#}
with

-- Read twice: to keep every exam for the second time takes longer.
exam_days as (
    select
        patient_id,
        modality,
        timepoint,
        exam_date,
        count(*) as n_lesions
    from {{ ref('int_accepted_reads') }}
    where timepoint in ('baseline', 'preop')
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
)

select
    lesion_exams.patient_id,
    lesion_exams.lesion_id,
    lesion_exams.modality,
    lesion_exams.timepoint,
    lesion_exams.exam_date,
    patient_exams.exam_date as usual_exam_date
from {{ ref('int_accepted_reads') }} as lesion_exams
inner join patient_exams
    on
        lesion_exams.patient_id = patient_exams.patient_id
        and lesion_exams.modality = patient_exams.modality
        and lesion_exams.timepoint = patient_exams.timepoint
where
    lesion_exams.exam_date <> patient_exams.exam_date
    and abs({{ days_between('lesion_exams.exam_date', 'patient_exams.exam_date') }})
    <= {{ var('quality').one_exam_days }}
