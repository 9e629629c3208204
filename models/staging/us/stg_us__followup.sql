with

source as {{ read_anew() }}(
    select *
    from {{ ref('us__redcap') }}
    where {{ redcap_rows('followup', 'followup_arm_1', true) }}
),

renamed as (
    select
        record_id as patient_id_text,
        fu_visit_no as visit_no_text,
        fu_visit_date as visit_date_text,
        fu_imaging_date as imaging_date_text,
        fu_vital_status as vital_status_text,
        fu_recurrence as recurrence_text,
        fu_recurrence_date as recurrence_date_text,
        fu_recurrence_place as recurrence_place_text,
        fu_lesion_no as lesion_no_text,
        fu_later_treatment as later_treatment_text,
        fu_later_treatment_date as later_treatment_date_text,
        {{ provenance() }}
    from source
),

{{ typed('us', 'followup') }}

select *
from staged
