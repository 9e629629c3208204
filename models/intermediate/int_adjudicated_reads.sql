-- An adjudication in force is one more read of the exam it is about, beside the others and never
-- over them; how the exam was made is as its readers said. Without that exam, in the data or before
-- the cut-off, it says nothing.
with

reads as (select * from {{ ref('int_reads') }}),

adjudications as (
    select
        adjudication_id,
        lesion_id,
        modality,
        timepoint,
        exam_date,
        verdict,
        verdict_reason
    from {{ ref('int_adjudications') }}
    where kind = 'read' and is_in_force
),

exams as (
    select
        adjudications.adjudication_id,
        adjudications.verdict,
        adjudications.verdict_reason,
        reads.lesion_id,
        min(reads.patient_id) as patient_id,
        min(reads.lesion_no) as lesion_no,
        reads.modality,
        reads.timepoint,
        reads.read_date,
        min(reads.read_date_lower) as read_date_lower,
        max(reads.read_date_upper) as read_date_upper,
        min(case when reads.conditions_met then 1 else 0 end) = 1 as conditions_met,
        min(reads.conditions_reason) as conditions_reason,
        min(case when reads.contrast_given then 1 else 0 end) = 1 as contrast_given,
        max(reads.slice_thickness_mm) as slice_thickness_mm
    from adjudications
    inner join reads
        on
            adjudications.lesion_id = reads.lesion_id
            and adjudications.modality = reads.modality
            and adjudications.timepoint = reads.timepoint
            and adjudications.exam_date = reads.read_date
    where reads.read_status = 'done'
    group by
        adjudications.adjudication_id,
        adjudications.verdict,
        adjudications.verdict_reason,
        reads.lesion_id,
        reads.modality,
        reads.timepoint,
        reads.read_date
),

keyed as (
    select
        *,
        concat_ws(
            '|', lesion_id, modality, timepoint, cast(read_date as string), adjudication_id
        ) as record_key
    from exams
)

select
    lesion_id,
    patient_id,
    lesion_no,

    ---------- exam
    modality,
    timepoint,
    read_date,
    read_date_lower,
    read_date_upper,

    ---------- verdict
    'done' as read_status,
    verdict,
    verdict_reason,
    cast(null as double) as size_mm,
    cast(null as string) as size_status,

    ---------- reader
    adjudication_id as reader_id,
    'adjudicator' as reader_role,
    cast(null as boolean) as is_blinded,

    ---------- acquisition
    conditions_met,
    conditions_reason,
    contrast_given,
    slice_thickness_mm,

    ---------- record
    record_key,
    adjudication_id
from keyed
