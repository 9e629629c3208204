with

source as (
    select *
    from {{ ref('jcog__pathology') }}
),

renamed as (
    select
        "症例番号" as patient_id_text,
        "標本番号" as specimen_id_text,
        "病変番号" as lesion_no_text,
        "病理診断日" as pathology_date_text,
        "標本内確認" as specimen_found_text,
        "生存腫瘍細胞" as viable_cells_text,
        "生存率" as viable_pct_text,
        "壊死率" as necrosis_pct_text,
        "線維化率" as fibrosis_pct_text,
        "粘液率" as mucin_pct_text,
        "病理径cm" as path_size_text,
        "TRG" as trg_text,
        {{ provenance() }}
    from source
),

{{ typed('jcog', 'pathology') }}

select *
from staged
