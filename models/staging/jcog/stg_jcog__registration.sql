with

source as {{ read_anew() }}(
    select *
    from {{ ref('jcog__registration') }}
),

renamed as (
    select
        {{ adapter.quote('症例番号') }} as patient_id_text,
        {{ adapter.quote('施設コード') }} as site_id_text,
        {{ adapter.quote('性別') }} as sex_text,
        {{ adapter.quote('年齢') }} as age_text,
        {{ adapter.quote('同意取得日') }} as consent_date_text,
        {{ adapter.quote('登録日') }} as registration_date_text,
        {{ adapter.quote('適格') }} as eligible_text,
        {{ adapter.quote('同意撤回日') }} as withdrawal_date_text,
        {{ adapter.quote('原発部位') }} as primary_site_text,
        {{ adapter.quote('原発診断日') }} as primary_dx_date_text,
        {{ adapter.quote('肝転移診断日') }} as liver_mets_dx_date_text,
        {{ adapter.quote('RAS') }} as ras_status_text,
        {{ adapter.quote('同時性') }} as synchronous_text,
        {{ adapter.quote('申告転移個数') }} as n_lesions_declared_text,
        {{ adapter.quote('CEA値') }} as cea_text,
        {{ adapter.quote('CEA単位') }} as cea_unit_text,
        {{ adapter.quote('化療開始日') }} as chemo_start_date_text,
        {{ adapter.quote('化療終了日') }} as chemo_end_date_text,
        {{ adapter.quote('化療コース数') }} as chemo_cycles_text,
        {{ adapter.quote('切除可能性') }} as resectability_text,
        {{ provenance() }}
    from source
),

{{ typed('jcog', 'registration') }}

select *
from staged
