with

source as {{ read_anew() }}(
    select *
    from {{ ref('jcog__lesion') }}
),

renamed as (
    select
        {{ adapter.quote('症例番号') }} as patient_id_text,
        {{ adapter.quote('病変番号') }} as lesion_no_text,
        {{ adapter.quote('区域') }} as segment_text,
        {{ adapter.quote('治療前径cm') }} as baseline_size_text,
        {{ adapter.quote('治療前画像日') }} as baseline_date_text,
        {{ adapter.quote('消失判定') }} as site_disappeared_text,
        {{ provenance() }}
    from source
),

{{ typed('jcog', 'lesion') }}

select *
from staged
