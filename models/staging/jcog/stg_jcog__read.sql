with

source as (
    select *
    from {{ ref('jcog__read') }}
),

renamed as (
    select
        "症例番号" as patient_id_text,
        "病変番号" as lesion_no_text,
        "検査法" as modality_text,
        "時期" as timepoint_text,
        "検査日" as read_date_text,
        "判定" as verdict_text,
        "評価不能理由" as not_evaluable_reason_text,
        "径cm" as size_text,
        "径区分" as size_status_text,
        "読影者" as reader_id_text,
        "読影区分" as reader_role_text,
        "盲検" as blinded_text,
        "撮像条件" as conditions_met_text,
        "条件不適理由" as conditions_reason_text,
        "造影" as contrast_text,
        "スライス厚mm" as slice_thickness_mm_text,
        {{ provenance() }}
    from source
),

{{ typed('jcog', 'read') }}

select *
from staged
