with

source as {{ read_anew() }}(
    select *
    from {{ ref('jcog__disposition') }}
),

renamed as (
    select
        {{ adapter.quote('症例番号') }} as patient_id_text,
        {{ adapter.quote('病変番号') }} as lesion_no_text,
        {{ adapter.quote('手術回') }} as stage_text,
        {{ adapter.quote('処置') }} as action_text,
        {{ adapter.quote('処置理由') }} as action_reason_text,
        {{ adapter.quote('標本番号') }} as specimen_id_text,
        {{ provenance() }}
    from source
),

{{ typed('jcog', 'disposition') }}

select *
from staged
