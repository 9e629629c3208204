with

reads as (select * from {{ ref('int_read_windows') }}),

accepted as (select * from {{ ref('int_accepted_reads') }}),

registrations as (select * from {{ ref('int_registrations') }})

select
    reads.read_key,
    reads.lesion_key,
    reads.lesion_id,
    reads.patient_id,
    registrations.site_id,

    ---------- exam
    reads.modality,
    reads.timepoint,
    reads.read_date,

    ---------- verdict
    reads.read_status,
    reads.verdict,
    reads.verdict_reason,
    reads.size_mm,
    reads.size_status,

    ---------- reader
    reads.reader_id as reader,
    reads.reader_role,
    coalesce(reads.reader_role = 'central', false) as is_central,
    reads.is_blinded,
    reads.adjudication_id,

    ---------- acquisition
    reads.conditions_met,
    reads.conditions_reason,
    reads.contrast_given,
    reads.slice_thickness_mm,

    ---------- acceptance
    reads.is_in_window,
    coalesce(reads.read_key = accepted.accepted_read_key, false) as is_accepted,
    case
        when reads.read_key = accepted.accepted_read_key then null
        when reads.outside_reason is not null then reads.outside_reason
        when reads.read_date < accepted.exam_date then 'earlier_exam'
        when accepted.readers_disagree then 'readers_disagree'
        when reads.reader_rank > accepted.best_rank then 'overruled'
        else 'other_reader_of_same_rank'
    end as not_accepted_reason
from reads
left join accepted
    on
        reads.lesion_id = accepted.lesion_id
        and reads.modality = accepted.modality
        and reads.timepoint = accepted.timepoint
left join registrations on reads.patient_id = registrations.patient_id
