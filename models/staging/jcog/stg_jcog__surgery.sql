with

source as {{ read_anew() }}(
    select *
    from {{ ref('jcog__surgery') }}
),

renamed as (
    select
        {{ adapter.quote('症例番号') }} as patient_id_text,
        {{ adapter.quote('手術回') }} as stage_text,
        {{ adapter.quote('予定回数') }} as planned_stages_text,
        {{ adapter.quote('実施') }} as performed_text,
        {{ adapter.quote('手術日') }} as surgery_date_text,
        {{ adapter.quote('術式') }} as procedure_text,
        {{ adapter.quote('切除区域') }} as segments_removed_text,
        {{ adapter.quote('R分類') }} as r_status_text,
        {{ adapter.quote('手術時間分') }} as duration_min_text,
        {{ adapter.quote('出血量mL') }} as blood_loss_ml_text,
        {{ provenance() }}
    from source
),

{{ typed('jcog', 'surgery') }}

select *
from staged
