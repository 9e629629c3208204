-- One row per adjudication that was not withdrawn, and whether it decides anything in this build.
with

adjudications as (select * from {{ ref('load_adjudications') }}),

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
    cast(adjudications.adjudication_id as string) as adjudication_id,
    cast(adjudications.kind as string) as kind,
    cast(adjudications.patient_id as string) as patient_id,
    cast(adjudications.lesion_id as string) as lesion_id,

    ---------- what it is about
    cast(adjudications.modality as string) as modality,
    cast(adjudications.timepoint as string) as timepoint,
    cast(adjudications.exam_date as date) as exam_date,
    cast(adjudications.evidence as string) as evidence,

    ---------- what was decided
    cast(adjudications.verdict as string) as verdict,
    cast(adjudications.verdict_reason as string) as verdict_reason,
    cast(adjudications.reason as string) as reason,
    cast(adjudications.adjudicator as string) as adjudicator,
    cast(adjudications.adjudicated_at as string) as adjudicated_at,
    case
        when lesions.adjudication_id is not null or reads.is_accepted then 'decides'
        when reads.adjudication_id is not null then 'not_accepted'
        else 'nothing_to_decide'
    end as status
from adjudications
left join reads on adjudications.adjudication_id = reads.adjudication_id
left join lesions on adjudications.adjudication_id = lesions.adjudication_id
