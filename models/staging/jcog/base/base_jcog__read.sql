with

source as {{ read_anew() }}(
    select *
    from {{ ref('jcog__read') }}
),

renamed as (
    select
        {{ adapter.quote('症例番号') }} as patient_id_text,
        {{ adapter.quote('病変番号') }} as lesion_no_text,
        {{ adapter.quote('検査法') }} as modality_text,
        {{ adapter.quote('時期') }} as timepoint_text,
        {{ adapter.quote('検査日') }} as read_date_text,
        {{ adapter.quote('判定') }} as verdict_text,
        {{ adapter.quote('評価不能理由') }} as not_evaluable_reason_text,
        {{ adapter.quote('径cm') }} as size_text,
        {{ adapter.quote('径区分') }} as size_status_text,
        {{ adapter.quote('読影者') }} as reader_id_text,
        {{ adapter.quote('読影区分') }} as reader_role_text,
        {{ adapter.quote('盲検') }} as blinded_text,
        {{ adapter.quote('撮像条件') }} as conditions_met_text,
        {{ adapter.quote('条件不適理由') }} as conditions_reason_text,
        {{ adapter.quote('造影') }} as contrast_text,
        {{ adapter.quote('スライス厚mm') }} as slice_thickness_mm_text,
        {{ provenance() }}
    from source
),

{{ typed('jcog', 'read', with_keys=false) }}

select *
from staged
