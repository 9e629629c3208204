with

source as {{ read_anew() }}(
    select *
    from {{ ref('us__redcap') }}
    where {{ redcap_rows('surgery', 'surgery_arm_1', true) }}
),

renamed as (
    select
        record_id as patient_id_text,
        surg_stage as stage_text,
        surg_planned_stages as planned_stages_text,
        surg_performed as performed_text,
        surg_surgery_date as surgery_date_text,
        surg_procedure as procedure_text,
        {{ ticked(
            'surg_segments_removed', ['1', '2', '3', '4a', '4b', '5', '6', '7', '8']
        ) | indent(4) }} as segments_removed_text,
        surg_r_status as r_status_text,
        surg_duration_min as duration_min_text,
        surg_blood_loss_ml as blood_loss_ml_text,
        {{ provenance() }}
    from source
),

{{ typed('us', 'surgery') }}

select *
from staged
