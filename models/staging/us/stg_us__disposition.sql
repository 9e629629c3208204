with

source as {{ read_anew() }}(
    select *
    from {{ ref('us__redcap') }}
    where {{ redcap_rows('disposition', 'surgery_arm_1', true) }}
),

renamed as (
    select
        record_id as patient_id_text,
        disp_lesion_no as lesion_no_text,
        disp_stage as stage_text,
        disp_action as action_text,
        disp_action_reason as action_reason_text,
        disp_specimen_id as specimen_id_text,
        {{ provenance() }}
    from source
),

{{ typed('us', 'disposition') }}

select *
from staged
