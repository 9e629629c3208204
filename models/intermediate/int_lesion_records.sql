with

{{ united('lesion') }}

numbered as (
    select *
    from kept
    where lesion_id is not null
)

select
    {{ key_of(['lesion_id']) }} as lesion_key,
    {{ key_of(['patient_id']) }} as patient_key,
    lesion_id,
    patient_id,
    lesion_no,
    segment,
    baseline_size_mm,
    {{ until_cutoff('baseline_date') }} as baseline_date,
    {{ is_yes('site_disappeared') }} as site_disappeared,
    record_key,
    payload_hash
from numbered
