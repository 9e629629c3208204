with

source as (
    select *
    from {{ ref('jcog__lesion') }}
),

renamed as (
    select
        "症例番号" as patient_id_text,
        "病変番号" as lesion_no_text,
        "区域" as segment_text,
        "治療前径cm" as baseline_size_text,
        "治療前画像日" as baseline_date_text,
        "消失判定" as site_disappeared_text,
        {{ provenance() }}
    from source
),

{{ typed('jcog', 'lesion') }}

select *
from staged
