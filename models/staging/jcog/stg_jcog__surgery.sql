with

source as (
    select *
    from {{ ref('jcog__surgery') }}
),

renamed as (
    select
        "症例番号" as patient_id_text,
        "手術回" as stage_text,
        "予定回数" as planned_stages_text,
        "実施" as performed_text,
        "手術日" as surgery_date_text,
        "術式" as procedure_text,
        "切除区域" as segments_removed_text,
        "R分類" as r_status_text,
        "手術時間分" as duration_min_text,
        "出血量mL" as blood_loss_ml_text,
        {{ provenance() }}
    from source
),

{{ typed('jcog', 'surgery') }}

select *
from staged
