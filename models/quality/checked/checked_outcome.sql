with

{{ checked_records('outcome') }},

contested_deaths as (
    select
        patient_id,
        {{ sorted_texts('cast(death_date as varchar)') }} as death_dates,
        count(distinct death_date) > 1 as has_two_death_dates
    from records
    where death_date is not null
    group by patient_id
)

select
    {{ record_columns('outcome') }},
    records.received_date,

    ---------- as told
    {{ form_values('outcome') }}

    ---------- how it was written
    records.n_unreadable,
    records.is_contested,
    records.lacks_patient,
    records.lacks_lesion,
    records.drifted_keys,
    records.formula_texts,
    records.misformatted_dates,
    records.impossible_dates,
    records.misformatted_numbers,
    records.unmapped_codes,

    ---------- beside the patient's other records
    contested_deaths.death_dates,
    coalesce(contested_deaths.has_two_death_dates, false) as has_two_death_dates
from records
left join contested_deaths on records.patient_id = contested_deaths.patient_id
