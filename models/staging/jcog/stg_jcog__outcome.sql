with

source as {{ read_anew() }}(
    select *
    from {{ ref('jcog__outcome') }}
),

renamed as (
    select
        {{ adapter.quote('症例番号') }} as patient_id_text,
        {{ adapter.quote('最終確認日') }} as last_contact_date_text,
        {{ adapter.quote('生死') }} as vital_status_text,
        {{ adapter.quote('死亡日') }} as death_date_text,
        {{ adapter.quote('死因') }} as death_cause_text,
        {{ provenance() }}
    from source
),

{{ typed('jcog', 'outcome') }}

select *
from staged
