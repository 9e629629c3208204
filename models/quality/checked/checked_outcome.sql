-- Outcomes as sites sent them, with what their rules look at beside.
with

{{ checked_records('outcome') }},

patients as (select * from {{ ref('patient_facts') }}),

deaths as (
    select
        patient_id,
        {{ sorted_texts('cast(death_date as string)') }} as death_dates,
        count(distinct death_date) > 1 as has_two_death_dates
    from staged
    where death_date is not null
    group by patient_id
),

-- The cut-off, or the last day on which anybody was seen.
data_cut as (
    select max({{ cutoff_date() or 'last_contact_date_lower' }}) as data_cut
    from staged
)

select
    {{ record_columns('outcome') }},
    records.received_date,

    ---------- as told
    {{ form_values('outcome') }}

    ---------- how it was written
    {{ writing_columns(['patient']) }}

    ---------- beside the patient's other records
    deaths.death_dates,
    coalesce(deaths.has_two_death_dates, false) as has_two_death_dates,
    patients.last_surgery_date_lower,
    patients.withdrawal_date_upper is not null as is_withdrawn,
    data_cut.data_cut
from records
cross join data_cut
left join patients on records.patient_id = patients.patient_id
left join deaths on records.patient_id = deaths.patient_id
