with

source as {{ read_anew() }}(
    select *
    from {{ ref('us__redcap') }}
    where {{ redcap_rows('registration', 'baseline_arm_1', false) }}
),

renamed as (
    select
        record_id as patient_id_text,
        redcap_data_access_group as site_id_text,
        sex as sex_text,
        age as age_text,
        consent_date as consent_date_text,
        registration_date as registration_date_text,
        eligible as eligible_text,
        withdrawal_date as withdrawal_date_text,
        primary_site as primary_site_text,
        primary_dx_date as primary_dx_date_text,
        liver_mets_dx_date as liver_mets_dx_date_text,
        ras_status as ras_status_text,
        synchronous as synchronous_text,
        n_lesions_declared as n_lesions_declared_text,
        cea as cea_text,
        cea_unit as cea_unit_text,
        chemo_start_date as chemo_start_date_text,
        chemo_end_date as chemo_end_date_text,
        chemo_cycles as chemo_cycles_text,
        resectability as resectability_text,
        {{ provenance() }}
    from source
),

{{ typed('us', 'registration') }}

select *
from staged
