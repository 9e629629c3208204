with

source as {{ read_anew() }}(
    select *
    from {{ ref('eortc__pathology') }}
),

renamed as (
    select
        PATID as patient_id_text,
        SPECID as specimen_id_text,
        LESNO as lesion_no_text,
        DTPATH as pathology_date_text,
        FOUND as specimen_found_text,
        VIABLE as viable_cells_text,
        PCTVIAB as viable_pct_text,
        PCTNECR as necrosis_pct_text,
        PCTFIBR as fibrosis_pct_text,
        PCTMUC as mucin_pct_text,
        PSIZE as path_size_text,
        TRG as trg_text,
        {{ provenance() }}
    from source
),

{{ typed('eortc', 'pathology') }}

select *
from staged
