with

reads as (
    select *
    from {{ ref('int_read_windows') }}
    where {{ in_slice('patient_id') }}
),

-- A read that stands in its window alone is accepted; only of several need it be asked.
accepted as (
    select
        patients.patient_no,
        accepted_reads.lesion_no,
        exam_kinds.exam_no,
        accepted_reads.exam_date,
        accepted_reads.readers_disagree,
        accepted_reads.best_rank,
        accepted_reads.reader_id
    from {{ ref('int_accepted_reads') }} as accepted_reads
    inner join {{ ref('int_patient_windows') }} as patients
        on accepted_reads.patient_id = patients.patient_id
    inner join {{ ref('int_exam_kinds') }} as exam_kinds
        on
            accepted_reads.modality = exam_kinds.modality
            and accepted_reads.timepoint = exam_kinds.timepoint
    where
        accepted_reads.n_reads_in_window > 1
        and {{ in_slice('accepted_reads.patient_id') }}
),

judged as (
    select
        reads.*,
        accepted.exam_date,
        accepted.readers_disagree,
        accepted.best_rank,
        reads.is_in_window
        and (
            accepted.patient_no is null
            or not accepted.readers_disagree
            and reads.read_date = accepted.exam_date
            and reads.reader_rank = accepted.best_rank
            and reads.reader_id is not distinct from accepted.reader_id
        ) as is_accepted
    from reads
    left join accepted
        on
            reads.patient_no = accepted.patient_no
            and reads.lesion_no = accepted.lesion_no
            and reads.exam_no = accepted.exam_no
)

select
    {{ key_of(['record_key']) }} as read_key,
    {{ key_of(['lesion_id']) }} as lesion_key,
    lesion_id,
    patient_id,
    site_id,

    ---------- exam
    modality,
    timepoint,
    read_date,

    ---------- verdict
    read_status,
    verdict,
    verdict_reason,
    size_mm,
    size_status,

    ---------- reader
    reader_id as reader,
    reader_role,
    coalesce(reader_role = 'central', false) as is_central,
    is_blinded,
    adjudication_id,

    ---------- acquisition
    conditions_met,
    conditions_reason,
    contrast_given,
    slice_thickness_mm,

    ---------- acceptance
    is_in_window,
    is_accepted,
    case
        when is_accepted then null
        when outside_reason is not null then outside_reason
        when read_date < exam_date then 'earlier_exam'
        when readers_disagree then 'readers_disagree'
        when reader_rank > best_rank then 'overruled'
        else 'other_reader_of_same_rank'
    end as not_accepted_reason
from judged
