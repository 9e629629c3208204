with

dispositions as (
    select *
    from {{ ref('int_dispositions') }}
    where is_counted_stage
),

final_stages as (
    select
        lesion_id,
        max(stage) as stage
    from dispositions
    group by lesion_id
)

select
    dispositions.lesion_id,
    dispositions.patient_id,
    dispositions.action as disposition,
    dispositions.stage as disposition_stage,
    dispositions.surgery_date as disposition_date,
    dispositions.specimen_id
from final_stages
inner join dispositions
    on
        final_stages.lesion_id = dispositions.lesion_id
        and final_stages.stage = dispositions.stage
