with

{{ united('disposition') }}

surgeries as (
    select
        patient_id,
        stage,
        surgery_date,
        surgery_date_lower,
        is_performed,
        is_counted_stage
    from {{ ref('int_surgeries') }}
)

select
    kept.lesion_id,
    kept.patient_id,
    kept.lesion_no,
    kept.stage,
    kept.action,
    kept.action_reason,
    kept.specimen_id,
    surgeries.surgery_date,
    surgeries.surgery_date_lower,
    coalesce(surgeries.is_performed, false) as is_performed,
    coalesce(surgeries.is_counted_stage, false) as is_counted_stage,
    kept.record_key,
    kept.payload_hash
from kept
left join surgeries
    on
        kept.patient_id = surgeries.patient_id
        and kept.stage = surgeries.stage
