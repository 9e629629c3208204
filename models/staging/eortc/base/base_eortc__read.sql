with

source as {{ read_anew() }}(
    select *
    from {{ ref('eortc__read') }}
),

renamed as (
    select
        PATID as patient_id_text,
        LESNO as lesion_no_text,
        MODAL as modality_text,
        TIMEPT as timepoint_text,
        DTREAD as read_date_text,
        VERDICT as verdict_text,
        NEREAS as not_evaluable_reason_text,
        SIZE as size_text,
        SIZEST as size_status_text,
        READER as reader_id_text,
        RDROLE as reader_role_text,
        BLIND as blinded_text,
        CONDMET as conditions_met_text,
        CONDRS as conditions_reason_text,
        CONTRAST as contrast_text,
        SLICE as slice_thickness_mm_text,
        {{ provenance() }}
    from source
),

{{ typed('eortc', 'read', with_keys=false) }}

select *
from staged
