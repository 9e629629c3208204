-- One row per adjudication that was not withdrawn. It counts for the evidence it was decided on
-- alone: once the readers or the specimens say anything else, it is lapsed.
with

adjudications as (select * from {{ ref('load_adjudications') }}),

reads as (
    select *
    from {{ ref('int_reads') }}
    where read_status = 'done'
),

specimen_evidence as (select * from {{ ref('int_specimen_evidence') }}),

exam_evidence as (
    select
        adjudications.adjudication_id,
        {{ read_evidence('reads.') }} as evidence
    from adjudications
    inner join reads
        on
            adjudications.lesion_id = reads.lesion_id
            and adjudications.modality = reads.modality
            and adjudications.timepoint = reads.timepoint
            and cast(adjudications.exam_date as date) = reads.read_date
    where adjudications.kind = 'read'
    group by adjudications.adjudication_id
),

compared as (
    select
        adjudications.*,
        case adjudications.kind
            when 'read' then exam_evidence.evidence
            else specimen_evidence.evidence
        end as evidence_now
    from adjudications
    left join exam_evidence on adjudications.adjudication_id = exam_evidence.adjudication_id
    left join specimen_evidence on adjudications.lesion_id = specimen_evidence.lesion_id
)

select
    cast(adjudication_id as string) as adjudication_id,
    cast(kind as string) as kind,
    cast(patient_id as string) as patient_id,
    cast(lesion_id as string) as lesion_id,

    ---------- what it is about
    cast(modality as string) as modality,
    cast(timepoint as string) as timepoint,
    cast(exam_date as date) as exam_date,
    cast(evidence as string) as evidence,
    evidence_now,
    coalesce(evidence = evidence_now, false) as is_in_force,

    ---------- what was decided
    cast(verdict as string) as verdict,
    cast(verdict_reason as string) as verdict_reason,
    cast(reason as string) as reason,
    cast(adjudicator as string) as adjudicator,
    cast(adjudicated_at as string) as adjudicated_at
from compared
