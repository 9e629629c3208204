with

source as {{ read_anew() }}(
    select *
    from {{ ref('eortc__followup') }}
),

renamed as (
    select
        PATID as patient_id_text,
        VISITNO as visit_no_text,
        DTVISIT as visit_date_text,
        DTIMG as imaging_date_text,
        STATUS as vital_status_text,
        RECUR as recurrence_text,
        DTRECUR as recurrence_date_text,
        PLACE as recurrence_place_text,
        LESNO as lesion_no_text,
        LATERTRT as later_treatment_text,
        DTLATER as later_treatment_date_text,
        {{ provenance() }}
    from source
),

{{ typed('eortc', 'followup') }}

select *
from staged
