with

source as {{ read_anew() }}(
    select *
    from {{ ref('eortc__disposition') }}
),

renamed as (
    select
        PATID as patient_id_text,
        LESNO as lesion_no_text,
        STAGE as stage_text,
        ACTION as action_text,
        ACTRS as action_reason_text,
        SPECID as specimen_id_text,
        {{ provenance() }}
    from source
),

{{ typed('eortc', 'disposition') }}

select *
from staged
