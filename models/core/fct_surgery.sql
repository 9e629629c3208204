with

surgeries as (select * from {{ ref('int_surgeries') }}),

operations as (select * from {{ ref('int_operations') }}),

registrations as (select * from {{ ref('int_registrations') }})

select
    surgeries.surgery_key,
    surgeries.patient_key,
    surgeries.patient_id,
    registrations.site_id,
    surgeries.stage,
    surgeries.planned_stages,
    surgeries.is_performed,
    surgeries.is_counted_stage
    and coalesce(surgeries.stage = operations.day_zero_stage, false) as is_day_zero,
    surgeries.surgery_date,
    surgeries.procedure,
    surgeries.segments_removed,
    surgeries.r_status,
    surgeries.duration_min,
    surgeries.blood_loss_ml
from surgeries
left join operations on surgeries.patient_id = operations.patient_id
left join registrations on surgeries.patient_id = registrations.patient_id
