with

source as {{ read_anew() }}(
    select *
    from {{ ref('us__redcap') }}
    where {{ redcap_rows('pathology', 'surgery_arm_1', true) }}
),

renamed as (
    select
        record_id as patient_id_text,
        path_specimen_id as specimen_id_text,
        path_lesion_no as lesion_no_text,
        path_pathology_date as pathology_date_text,
        path_specimen_found as specimen_found_text,
        path_viable_cells as viable_cells_text,
        path_viable_pct as viable_pct_text,
        path_necrosis_pct as necrosis_pct_text,
        path_fibrosis_pct as fibrosis_pct_text,
        path_mucin_pct as mucin_pct_text,
        path_path_size_cm as path_size_text,
        path_trg as trg_text,
        {{ provenance() }}
    from source
),

{{ typed('us', 'pathology') }}

select *
from staged
