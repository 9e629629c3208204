with

source as {{ read_anew() }}(
    select *
    from {{ ref('jcog__followup') }}
),

renamed as (
    select
        {{ adapter.quote('症例番号') }} as patient_id_text,
        {{ adapter.quote('来院番号') }} as visit_no_text,
        {{ adapter.quote('来院日') }} as visit_date_text,
        {{ adapter.quote('画像検査日') }} as imaging_date_text,
        {{ adapter.quote('生死') }} as vital_status_text,
        {{ adapter.quote('再発') }} as recurrence_text,
        {{ adapter.quote('再発日') }} as recurrence_date_text,
        {{ adapter.quote('再発部位') }} as recurrence_place_text,
        {{ adapter.quote('病変番号') }} as lesion_no_text,
        {{ adapter.quote('後治療') }} as later_treatment_text,
        {{ adapter.quote('後治療日') }} as later_treatment_date_text,
        {{ provenance() }}
    from source
),

{{ typed('jcog', 'followup') }}

select *
from staged
