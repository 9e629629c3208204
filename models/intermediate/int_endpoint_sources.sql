-- Candidate events and censoring dates, each with the record it comes from (never a line number).
with

findings as (select * from {{ ref('int_findings') }}),

outcomes as (select * from {{ ref('int_outcomes') }}),

-- One recurrence is of several kinds: of any place, and as endpoints of one place ask for it.
recurrence_kinds as (
    select
        *,
        'recurrence' as kind
    from findings
    where is_recurrence
    union all
    select
        *,
        'recurrence_at_spot' as kind
    from findings
    where is_recurrence and is_regrowth
    union all
    select
        *,
        'liver_only_recurrence' as kind
    from findings
    where is_recurrence and (is_regrowth or recurrence_place in ('at_spot', 'liver_elsewhere'))
    union all
    select
        *,
        'extrahepatic_recurrence' as kind
    from findings
    where is_recurrence and recurrence_place in ('extrahepatic', 'liver_and_extrahepatic')
),

recurrences as (
    select
        patient_id,
        kind,
        recurrence_date as event_date,
        recurrence_date_lower as date_lower,
        recurrence_date_upper as date_upper,
        recurrence_date_precision as date_precision,
        'followup' as srcdom,
        recurrence_dated_by as srcvar,
        {{ finding_reference() }} as srcseq
    from recurrence_kinds
),

assessments as (
    select
        patient_id,
        'disease_assessment' as kind,
        imaging_date as event_date,
        imaging_date_lower as date_lower,
        imaging_date_upper as date_upper,
        imaging_date_precision as date_precision,
        'followup' as srcdom,
        'imaging_date' as srcvar,
        {{ finding_reference() }} as srcseq
    from findings
    where imaging_date is not null
),

deaths as (
    select
        patient_id,
        'death' as kind,
        death_date as event_date,
        death_date_lower as date_lower,
        death_date_upper as date_upper,
        death_date_precision as date_precision,
        'outcome' as srcdom,
        'death_date' as srcvar,
        patient_id as srcseq
    from outcomes
    where death_date is not null
),

last_contacts as (
    select
        patient_id,
        'last_contact' as kind,
        last_contact_date as event_date,
        last_contact_date_lower as date_lower,
        last_contact_date_upper as date_upper,
        last_contact_date_precision as date_precision,
        'outcome' as srcdom,
        'last_contact_date' as srcvar,
        patient_id as srcseq
    from outcomes
    where last_contact_date is not null
),

-- Without an outcome form the visits tell when the patient was last seen.
visits as (
    select
        findings.patient_id,
        'last_contact' as kind,
        findings.visit_date as event_date,
        findings.visit_date_lower as date_lower,
        findings.visit_date_upper as date_upper,
        findings.visit_date_precision as date_precision,
        'followup' as srcdom,
        'visit_date' as srcvar,
        {{ finding_reference('findings.') }} as srcseq
    from findings
    left join last_contacts on findings.patient_id = last_contacts.patient_id
    where
        findings.visit_date is not null
        and last_contacts.patient_id is null
),

candidates as (
    select * from recurrences
    union all
    select * from assessments
    union all
    select * from deaths
    union all
    select * from last_contacts
    union all
    select * from visits
)

select
    patient_id,
    kind,
    event_date,
    date_lower,
    date_upper,
    date_precision,
    srcdom,
    srcvar,
    srcseq
from candidates
where patient_id is not null
