with

source as {{ read_anew() }}(
    select *
    from {{ ref('us__redcap') }}
    where {{ redcap_rows('imaging_read', 'imaging_arm_1', true) }}
),

renamed as (
    select
        record_id as patient_id_text,
        rd_lesion_no as lesion_no_text,
        rd_modality as modality_text,
        rd_timepoint as timepoint_text,
        rd_read_date as read_date_text,
        rd_verdict as verdict_text,
        rd_not_evaluable_reason as not_evaluable_reason_text,
        rd_size_cm as size_text,
        rd_size_status as size_status_text,
        rd_reader_id as reader_id_text,
        rd_reader_role as reader_role_text,
        rd_blinded as blinded_text,
        rd_conditions_met as conditions_met_text,
        rd_conditions_reason as conditions_reason_text,
        rd_contrast as contrast_text,
        rd_slice_thickness_mm as slice_thickness_mm_text,
        {{ provenance() }}
    from source
),

{{ typed('us', 'read', with_keys=false) }}

select *
from staged
