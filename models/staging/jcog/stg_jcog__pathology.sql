with

source as {{ read_anew() }}(
    select *
    from {{ ref('jcog__pathology') }}
),

renamed as (
    select
        {{ adapter.quote('症例番号') }} as patient_id_text,
        {{ adapter.quote('標本番号') }} as specimen_id_text,
        {{ adapter.quote('病変番号') }} as lesion_no_text,
        {{ adapter.quote('病理診断日') }} as pathology_date_text,
        {{ adapter.quote('標本内確認') }} as specimen_found_text,
        {{ adapter.quote('生存腫瘍細胞') }} as viable_cells_text,
        {{ adapter.quote('生存率') }} as viable_pct_text,
        {{ adapter.quote('壊死率') }} as necrosis_pct_text,
        {{ adapter.quote('線維化率') }} as fibrosis_pct_text,
        {{ adapter.quote('粘液率') }} as mucin_pct_text,
        {{ adapter.quote('病理径cm') }} as path_size_text,
        {{ adapter.quote('TRG') }} as trg_text,
        {{ provenance() }}
    from source
),

{{ typed('jcog', 'pathology') }}

select *
from staged
