with

source as {{ read_anew() }}(
    select *
    from {{ ref('eortc__lesion') }}
),

renamed as (
    select
        PATID as patient_id_text,
        LESNO as lesion_no_text,
        SEGMENT as segment_text,
        SIZEBL as baseline_size_text,
        DTBL as baseline_date_text,
        DISAPP as site_disappeared_text,
        {{ provenance() }}
    from source
),

{{ typed('eortc', 'lesion') }}

select *
from staged
