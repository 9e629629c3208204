with

{{ united('pathology') }}

within_cutoff as (
    select *
    from kept
    where {{ within_cutoff('pathology_date') }}
)

select
    lesion_id,
    patient_id,
    lesion_no,
    specimen_id,
    pathology_date,
    pathology_date_upper,
    specimen_found,
    viable_cells,
    {{ specimen_result() }} as specimen_result,
    viable_pct,
    necrosis_pct,
    fibrosis_pct,
    mucin_pct,
    path_size_mm,
    trg,
    record_key,
    payload_hash
from within_cutoff
