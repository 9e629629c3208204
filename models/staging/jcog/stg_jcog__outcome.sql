with

source as (
    select *
    from {{ ref('jcog__outcome') }}
),

renamed as (
    select
        "症例番号" as patient_id_text,
        "最終確認日" as last_contact_date_text,
        "生死" as vital_status_text,
        "死亡日" as death_date_text,
        "死因" as death_cause_text,
        {{ provenance() }}
    from source
),

{{ typed('jcog', 'outcome') }}

select *
from staged
