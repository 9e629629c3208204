with

source as (
    select *
    from {{ ref('jcog__disposition') }}
),

renamed as (
    select
        "症例番号" as patient_id_text,
        "病変番号" as lesion_no_text,
        "手術回" as stage_text,
        "処置" as action_text,
        "処置理由" as action_reason_text,
        "標本番号" as specimen_id_text,
        {{ provenance() }}
    from source
),

{{ typed('jcog', 'disposition') }}

select *
from staged
