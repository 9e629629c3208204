-- Visits and findings as sites sent them, with what their rules look at beside.
{%- set limits = var('quality') %}
with

{{ checked_records('followup') }},

patients as (select * from {{ ref('patient_facts') }}),

lesions as (select * from {{ ref('lesion_facts') }}),

told as (
    {{ staged_records('followup', [
        'patient_id', 'visit_no', 'visit_date', 'visit_date_upper', 'lesion_id', 'lesion_no',
        'recurrence', 'recurrence_date', 'recurrence_place', 'record_key',
    ]) }}
),

-- The first record of a visit stands for it, so that one missed is asked about once.
visits as (
    select
        patient_id,
        visit_no,
        min(visit_date) as visit_date,
        max(visit_date_upper) as visit_date_upper,
        min(record_key) as record_key
    from told
    where visit_no is not null and visit_date is not null
    group by patient_id, visit_no
),

spaced_visits as (
    select
        record_key,
        {%- for part in ['', '_upper'] %}
        lag(visit_date{{ part }}) over (partition by patient_id order by visit_date, visit_no)
            as previous_visit_date{{ part }}{{ ',' if not loop.last }}
        {%- endfor %}
    from visits
),

-- One recurrence of one lesion is either at its spot or elsewhere.
places as (
    select
        lesion_id,
        recurrence_date,
        count(distinct recurrence_place) as n_places
    from told
    where
        recurrence = 'yes' and lesion_no is not null and recurrence_date is not null
        and recurrence_place in ('at_spot', 'liver_elsewhere')
    group by lesion_id, recurrence_date
)

select
    {{ record_columns('followup') }},
    records.received_date,

    ---------- as told
    {{ form_values('followup') }}

    ---------- how it was written
    {{ writing_columns(['patient', 'lesion']) }}

    ---------- beside the patient's other records
    patients.first_surgery_date,
    patients.first_surgery_date_lower,
    patients.last_imaging_date,
    patients.last_imaging_date_upper,
    patients.death_date,
    patients.death_date_upper,
    spaced_visits.previous_visit_date,
    spaced_visits.previous_visit_date_upper,
    case
        when
            {{ days_between('patients.first_surgery_date', 'records.visit_date') }}
            > {{ limits.visit_interval_change_days }}
            then {{ limits.visit_interval_later_days }}
        when patients.first_surgery_date is not null
            then case records.source
                {%- for source, days in limits.visit_interval_days.items() %}
                when '{{ source }}' then {{ days }}
                {%- endfor %}
            end
    end as visit_interval_days,

    ---------- beside the lesion
    coalesce(lesions.was_left or lesions.was_ablated, false) as was_left_or_ablated,
    coalesce(places.n_places > 1, false) as has_two_places
from records
left join patients on records.patient_id = patients.patient_id
left join lesions on records.lesion_id = lesions.lesion_id
left join spaced_visits on records.record_key = spaced_visits.record_key
left join places
    on
        records.lesion_id = places.lesion_id
        and records.recurrence_date = places.recurrence_date
