with

surgeries as (select * from {{ ref('int_surgeries') }}),

plans as (
    select
        patient_id,
        max(planned_stages) as planned_stages,
        max(case when performed = 'yes' and surgery_date is null then 1 else 0 end) = 1
            as has_undated_stage,
        max(case when is_performed and stage is null then 1 else 0 end) = 1 as has_unnumbered_stage
    from surgeries
    group by patient_id
),

counted as (
    select
        patient_id,
        min(surgery_date) as first_surgery_date,
        min(surgery_date_upper) as first_surgery_date_upper,
        max(stage) as day_zero_stage,
        count(*) as n_stages_performed
    from surgeries
    where is_counted_stage
    group by patient_id
)

select
    plans.patient_id,
    counted.patient_id is not null as is_operated,
    plans.has_undated_stage,
    plans.has_unnumbered_stage,
    cast(plans.planned_stages as integer) as planned_stages,
    cast(coalesce(counted.n_stages_performed, 0) as integer) as n_stages_performed,
    counted.first_surgery_date,
    counted.first_surgery_date_upper,
    counted.day_zero_stage,
    day_zero.surgery_date,
    day_zero.surgery_date_lower,
    day_zero.surgery_date_upper,
    day_zero.surgery_date_precision,
    day_zero.r_status
from plans
left join counted on plans.patient_id = counted.patient_id
left join surgeries as day_zero
    on
        counted.patient_id = day_zero.patient_id
        and counted.day_zero_stage = day_zero.stage
