-- One row per exam whose local readers disagree without a central or adjudicated read, and per
-- lesion whose specimens have opposite verdicts. An adjudication of other evidence settles neither.
with

exams as (
    select *
    from {{ ref('int_accepted_reads') }}
    where readers_disagree
),

reads as (
    select *
    from {{ ref('int_reads') }}
    where read_status = 'done'
),

specimens as (select * from {{ ref('int_specimens') }}),

specimen_evidence as (select * from {{ ref('int_specimen_evidence') }}),

lesions as (select * from {{ ref('fct_lesion') }}),

adjudicated as (
    select distinct lesion_id
    from {{ ref('int_adjudications') }}
    where kind = 'reference' and is_in_force
),

discordant_reads as (
    select
        'read' as kind,
        exams.lesion_id,
        exams.modality,
        exams.timepoint,
        exams.exam_date,
        {{ read_evidence('reads.') }} as evidence
    from exams
    inner join reads
        on
            exams.lesion_id = reads.lesion_id
            and exams.modality = reads.modality
            and exams.timepoint = reads.timepoint
            and exams.exam_date = reads.read_date
    group by exams.lesion_id, exams.modality, exams.timepoint, exams.exam_date
),

discordant_references as (
    select
        'reference' as kind,
        specimens.lesion_id,
        cast(null as string) as modality,
        cast(null as string) as timepoint,
        cast(null as date) as exam_date,
        min(specimen_evidence.evidence) as evidence
    from specimens
    inner join specimen_evidence on specimens.lesion_id = specimen_evidence.lesion_id
    left join adjudicated on specimens.lesion_id = adjudicated.lesion_id
    where
        specimens.specimen_result in ('viable_cells', 'no_viable_cells')
        and adjudicated.lesion_id is null
    group by specimens.lesion_id
    having count(distinct specimens.specimen_result) > 1
),

awaited as (
    select * from discordant_reads
    union all
    select * from discordant_references
)

select
    awaited.kind,
    lesions.site_id,
    lesions.patient_id,
    awaited.lesion_id,
    awaited.modality,
    awaited.timepoint,
    awaited.exam_date,
    awaited.evidence
from awaited
left join lesions on awaited.lesion_id = lesions.lesion_id
