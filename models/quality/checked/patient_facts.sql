-- What rules of one form need to know of a patient from the others. Bounds of dates, so that a
-- date of which only the month is known breaks no order that it may keep.
with

registrations as (
    {{ staged_records('registration', [
        'patient_id', 'consent_date_lower', 'chemo_start_date_upper', 'chemo_end_date_lower',
        'withdrawal_date_upper',
    ]) }}
),

lesions as (
    {{ staged_records('lesion', ['patient_id', 'lesion_no']) }}
),

reads as (
    {{ staged_records('read', ['patient_id', 'read_date_lower']) }}
),

surgeries as (
    {{ staged_records('surgery', [
        'patient_id', 'performed', 'surgery_date', 'surgery_date_lower', 'surgery_date_upper',
    ]) }}
),

pathologies as (
    {{ staged_records('pathology', ['patient_id', 'pathology_date_lower']) }}
),

visits as (
    {{ staged_records('followup', [
        'patient_id', 'visit_date_lower', 'imaging_date', 'imaging_date_upper',
    ]) }}
),

outcomes as (
    {{ staged_records('outcome', [
        'patient_id', 'last_contact_date', 'last_contact_date_upper', 'death_date',
        'death_date_upper',
    ]) }}
),

of_registrations as (
    select
        patient_id,
        min(consent_date_lower) as consent_date_lower,
        max(chemo_start_date_upper) as chemo_start_date_upper,
        max(chemo_end_date_lower) as chemo_end_date_lower,
        min(withdrawal_date_upper) as withdrawal_date_upper
    from registrations
    where patient_id is not null
    group by patient_id
),

of_lesions as (
    select
        patient_id,
        count(distinct lesion_no) as n_lesion_records,
        max(lesion_no) as highest_lesion_no
    from lesions
    group by patient_id
),

of_surgeries as (
    select
        patient_id,
        min(surgery_date) as first_surgery_date,
        min(surgery_date_lower) as first_surgery_date_lower,
        min(surgery_date_upper) as first_surgery_date_upper,
        max(surgery_date_lower) as last_surgery_date_lower,
        {{ sorted_texts('cast(surgery_date as string)') }} as surgery_days,
        min(case when surgery_date_lower = surgery_date_upper then 1 else 0 end) = 1
            as has_known_surgery_days
    from surgeries
    where performed = 'yes'
    group by patient_id
),

of_outcomes as (
    select
        patient_id,
        min(death_date) as death_date,
        max(death_date_upper) as death_date_upper,
        max(last_contact_date) as last_contact_date,
        max(last_contact_date_upper) as last_contact_date_upper
    from outcomes
    group by patient_id
),

activities as (
    select
        patient_id,
        'read' as activity,
        1 as activity_order,
        max(read_date_lower) as activity_date
    from reads
    group by patient_id
    union all
    select
        patient_id,
        'surgery' as activity,
        2 as activity_order,
        last_surgery_date_lower as activity_date
    from of_surgeries
    union all
    select
        patient_id,
        'pathology' as activity,
        0 as activity_order,
        max(pathology_date_lower) as activity_date
    from pathologies
    group by patient_id
    union all
    select
        patient_id,
        'visit' as activity,
        3 as activity_order,
        max(visit_date_lower) as activity_date
    from visits
    group by patient_id
),

of_activities as (
    select
        patient_id,
        max(activity_date) as last_activity_date_lower,
        max_by(
            activity,
            10 * {{ days_between("date '1900-01-01'", 'activity_date') }} + activity_order
        ) as last_activity
    from activities
    where activity_date is not null
    group by patient_id
),

of_visits as (
    select
        patient_id,
        max(imaging_date) as last_imaging_date,
        max(imaging_date_upper) as last_imaging_date_upper
    from visits
    group by patient_id
),

patients as (
    select patient_id from of_registrations
    union
    select patient_id from of_lesions
    union
    select patient_id from of_activities
    union
    select patient_id from of_outcomes
)

select
    patients.patient_id,

    ---------- registration
    of_registrations.consent_date_lower,
    of_registrations.chemo_start_date_upper,
    of_registrations.chemo_end_date_lower,
    of_registrations.withdrawal_date_upper,

    ---------- lesions
    coalesce(of_lesions.n_lesion_records, 0) as n_lesion_records,
    of_lesions.highest_lesion_no,

    ---------- operations
    of_surgeries.first_surgery_date,
    of_surgeries.first_surgery_date_lower,
    of_surgeries.first_surgery_date_upper,
    of_surgeries.last_surgery_date_lower,
    of_surgeries.surgery_days,
    coalesce(of_surgeries.has_known_surgery_days, false) as has_known_surgery_days,

    ---------- last seen
    of_activities.last_activity_date_lower,
    of_activities.last_activity,
    of_visits.last_imaging_date,
    of_visits.last_imaging_date_upper,
    of_outcomes.last_contact_date,
    of_outcomes.last_contact_date_upper,
    of_outcomes.death_date,
    of_outcomes.death_date_upper
from patients
left join of_registrations on patients.patient_id = of_registrations.patient_id
left join of_lesions on patients.patient_id = of_lesions.patient_id
left join of_surgeries on patients.patient_id = of_surgeries.patient_id
left join of_activities on patients.patient_id = of_activities.patient_id
left join of_visits on patients.patient_id = of_visits.patient_id
left join of_outcomes on patients.patient_id = of_outcomes.patient_id
where patients.patient_id is not null
