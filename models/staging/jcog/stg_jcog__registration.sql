with

source as (
    select *
    from {{ ref('jcog__registration') }}
),

renamed as (
    select
        "症例番号" as patient_id_text,
        "施設コード" as site_id_text,
        "性別" as sex_text,
        "年齢" as age_text,
        "同意取得日" as consent_date_text,
        "登録日" as registration_date_text,
        "適格" as eligible_text,
        "同意撤回日" as withdrawal_date_text,
        "原発部位" as primary_site_text,
        "原発診断日" as primary_dx_date_text,
        "肝転移診断日" as liver_mets_dx_date_text,
        "RAS" as ras_status_text,
        "同時性" as synchronous_text,
        "申告転移個数" as n_lesions_declared_text,
        "CEA値" as cea_text,
        "CEA単位" as cea_unit_text,
        "化療開始日" as chemo_start_date_text,
        "化療終了日" as chemo_end_date_text,
        "化療コース数" as chemo_cycles_text,
        "切除可能性" as resectability_text,
        {{ provenance() }}
    from source
),

{{ typed('jcog', 'registration') }}

select *
from staged
