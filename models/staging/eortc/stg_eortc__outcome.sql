with

source as {{ read_anew() }}(
    select *
    from {{ ref('eortc__outcome') }}
),

renamed as (
    select
        PATID as patient_id_text,
        DTLAST as last_contact_date_text,
        STATUS as vital_status_text,
        DTDEATH as death_date_text,
        CAUSE as death_cause_text,
        {{ provenance() }}
    from source
),

{{ typed('eortc', 'outcome') }}

select *
from staged
