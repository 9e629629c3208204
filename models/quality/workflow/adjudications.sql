-- One row per adjudication that was not withdrawn, and whether it decides anything in this build.
with

adjudications as (select * from {{ ref('int_adjudications') }}),

reads as (
    select
        adjudication_id,
        is_accepted
    from {{ ref('fct_read') }}
    where adjudication_id is not null
),

lesions as (
    select reference_adjudication_id as adjudication_id
    from {{ ref('fct_lesion') }}
    where reference_adjudication_id is not null
)

select
    adjudications.adjudication_id,
    adjudications.kind,
    adjudications.patient_id,
    adjudications.lesion_id,

    ---------- what it is about
    adjudications.modality,
    adjudications.timepoint,
    adjudications.exam_date,
    adjudications.evidence,

    ---------- what was decided
    adjudications.verdict,
    adjudications.verdict_reason,
    adjudications.reason,
    adjudications.adjudicator,
    adjudications.adjudicated_at,
    case
        when lesions.adjudication_id is not null or reads.is_accepted then 'decides'
        when reads.adjudication_id is not null then 'not_accepted'
        when adjudications.evidence_now is not null and not adjudications.is_in_force then 'lapsed'
        else 'nothing_to_decide'
    end as status
from adjudications
left join reads on adjudications.adjudication_id = reads.adjudication_id
left join lesions on adjudications.adjudication_id = lesions.adjudication_id
