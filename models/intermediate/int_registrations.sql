with

{{ united('registration') }}

registered as (
    select *
    from kept
    where patient_id is not null
)

select
    {{ key_of(['patient_id']) }} as patient_key,
    patient_id,
    site_id,
    source as data_centre,

    ---------- who
    sex,
    age,
    {{ is_yes('eligible') }} as is_eligible,

    ---------- when
    {{ until_cutoff('consent_date') }} as consent_date,
    registration_date,
    registration_date_precision,
    {{ until_cutoff('withdrawal_date') }} as withdrawal_date,

    ---------- disease
    primary_site,
    {{ until_cutoff('primary_dx_date') }} as primary_dx_date,
    {{ until_cutoff('liver_mets_dx_date') }} as liver_mets_dx_date,
    ras_status,
    {{ is_yes('synchronous') }} as is_synchronous,
    n_lesions_declared,
    -- One ug/L is one ng/mL; without a unit the number says nothing.
    case when cea_unit in ('ng_ml', 'ug_l') then cea end as cea_ng_ml,
    resectability,

    ---------- chemotherapy
    {{ until_cutoff('chemo_start_date') }} as chemo_start_date,
    {{ until_cutoff('chemo_end_date') }} as chemo_end_date,
    chemo_cycles,

    ---------- record
    record_key,
    payload_hash
from registered
