with

-- Visits whose number cannot be read are told apart by what was written.
findings as (
    select
        *,
        {{ visit_as_told() | indent(8) }} as visit
    from {{ ref('int_findings') }}
),

operations as (select * from {{ ref('int_operations') }}),

registrations as (select * from {{ ref('int_registrations') }}),

-- One visit may hold several findings; each repeats the facts of the visit.
visits as (
    select
        patient_key,
        patient_id,
        visit,
        max(visit_no) as visit_no,
        max(visit_date) as visit_date,
        max(imaging_date) as imaging_date,
        -- "dead" outlives "alive" where findings of one visit differ.
        max(vital_status) as vital_status,
        max(case when is_recurrence then 1 else 0 end) = 1 as has_recurrence,
        min(case when is_recurrence then recurrence_date end) as recurrence_date
    from findings
    group by patient_key, patient_id, visit
),

-- Few visits tell of a recurrence; to gather texts for every visit would fill the memory.
recurrences as (
    select
        patient_id,
        visit,
        {{ sorted_texts('recurrence_place') }} as recurrence_places
    from findings
    where is_recurrence
    group by patient_id, visit
),

lesions_told as (
    select
        patient_id,
        visit,
        count(distinct case when is_regrowth then lesion_id end) as n_regrown,
        count(distinct case when later_treatment is not null then lesion_id end) as n_treated_later
    from findings
    where is_regrowth or later_treatment is not null
    group by patient_id, visit
)

select
    {{ key_of(['visits.patient_id', 'visits.visit']) }} as followup_key,
    visits.patient_key,
    visits.patient_id,
    registrations.site_id,
    visits.visit_no,
    visits.visit_date,
    visits.imaging_date,
    {{ days_between('operations.surgery_date', 'visits.visit_date') }} as days_since_surgery,
    visits.vital_status,
    visits.has_recurrence,
    visits.recurrence_date,
    recurrences.recurrence_places,
    cast(coalesce(lesions_told.n_regrown, 0) as integer) as n_lesions_regrown,
    cast(coalesce(lesions_told.n_treated_later, 0) as integer) as n_lesions_treated_later
from visits
left join recurrences
    on
        visits.patient_id = recurrences.patient_id
        and visits.visit is not distinct from recurrences.visit
left join lesions_told
    on
        visits.patient_id = lesions_told.patient_id
        and visits.visit is not distinct from lesions_told.visit
left join operations on visits.patient_id = operations.patient_id
left join registrations on visits.patient_id = registrations.patient_id
