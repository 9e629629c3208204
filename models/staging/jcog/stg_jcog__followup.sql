with

source as (
    select *
    from {{ ref('jcog__followup') }}
),

renamed as (
    select
        "症例番号" as patient_id_text,
        "来院番号" as visit_no_text,
        "来院日" as visit_date_text,
        "画像検査日" as imaging_date_text,
        "生死" as vital_status_text,
        "再発" as recurrence_text,
        "再発日" as recurrence_date_text,
        "再発部位" as recurrence_place_text,
        "病変番号" as lesion_no_text,
        "後治療" as later_treatment_text,
        "後治療日" as later_treatment_date_text,
        {{ provenance() }}
    from source
),

{{ typed('jcog', 'followup') }}

select *
from staged
