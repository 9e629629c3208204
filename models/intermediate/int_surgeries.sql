with

{{ united('surgery') }}

within_cutoff as (
    select *
    from kept
    where {{ within_cutoff('surgery_date') }}
),

judged as (
    select
        *,
        coalesce(performed = 'yes' and surgery_date is not null, false) as is_performed,
        -- A stage without a number is of no plan: nothing can be told to stand before or after it.
        stage is not null and (planned_stages is null or stage <= planned_stages) as is_planned
    from within_cutoff
)

select
    {{ key_of(['record_key']) }} as surgery_key,
    {{ key_of(['patient_id']) }} as patient_key,
    patient_id,
    stage,
    planned_stages,
    performed,
    is_performed,
    is_planned,
    -- An operation beyond the plan treats what came after; it moves neither day 0 nor a
    -- disposition.
    is_performed and is_planned as is_counted_stage,
    surgery_date,
    surgery_date_lower,
    surgery_date_upper,
    surgery_date_precision,
    procedure,
    segments_removed,
    r_status,
    duration_min,
    blood_loss_ml,
    record_key,
    payload_hash
from judged
