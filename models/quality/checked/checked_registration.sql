-- Registrations as sites sent them, with what their rules look at beside.
with

{{ checked_records('registration', ['sex', 'cea_unit']) }},

facts as (select * from {{ ref('patient_facts') }}),

baseline_lesions as (
    select
        patient_id,
        count(*) as n_baseline_lesions
    from {{ ref('int_lesion_imaging') }}
    where is_baseline_lesion
    group by patient_id
),

sites_of_patients as (
    select
        patient_id,
        count(distinct site_id) as n_sites,
        {{ sorted_texts('site_id') }} as sites_of_patient
    from staged
    group by patient_id
)

select
    {{ record_columns('registration') }},
    records.received_date,

    ---------- as told
    records.site_id as delivered_site_id,
    {{ form_values('registration') }}
    records.sex_text,
    records.cea_unit_text,

    ---------- how it was written
    {{ writing_columns(['site']) }}

    ---------- beside the patient's other records
    coalesce(sites_of_patients.n_sites > 1, false) as has_two_sites,
    sites_of_patients.sites_of_patient,
    coalesce(facts.n_lesion_records, 0) as n_lesion_records,
    -- who registered after the cut-off has no lesions in the trial yet
    case
        when {{ within_cutoff('records.registration_date') }}
            then coalesce(baseline_lesions.n_baseline_lesions, 0)
    end as n_baseline_lesions,
    facts.first_surgery_date,
    facts.first_surgery_date_upper,
    least(
        records.registration_date_upper,
        records.chemo_start_date_upper,
        facts.first_surgery_date_upper
    ) as first_procedure_date_upper,
    least(
        records.registration_date, records.chemo_start_date, facts.first_surgery_date
    ) as first_procedure_date,
    facts.last_activity_date_lower,
    facts.last_activity_date_lower as last_activity_date,
    facts.last_activity
from records
left join sites_of_patients on records.patient_id = sites_of_patients.patient_id
left join facts on records.patient_id = facts.patient_id
left join baseline_lesions on records.patient_id = baseline_lesions.patient_id
