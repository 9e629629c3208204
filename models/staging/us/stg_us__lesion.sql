with

source as {{ read_anew() }}(
    select *
    from {{ ref('us__redcap') }}
    where {{ redcap_rows('lesion', 'baseline_arm_1', true) }}
),

renamed as (
    select
        record_id as patient_id_text,
        redcap_repeat_instance as lesion_no_text,
        les_segment as segment_text,
        les_baseline_size_cm as baseline_size_text,
        les_baseline_date as baseline_date_text,
        les_site_disappeared as site_disappeared_text,
        {{ provenance() }}
    from source
),

{{ typed('us', 'lesion') }}

select *
from staged
