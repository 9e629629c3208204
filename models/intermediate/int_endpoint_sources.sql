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
    where is_recurrence and (is_regrowth or is_regrowth_unnamed)
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

-- A death that no date is told of is an event all the same: who is dead is not censored alive.
undated_deaths as (
    select
        patient_id,
        'outcome' as srcdom,
        patient_id as srcseq
    from outcomes
    where is_undated_death
    union all
    select
        findings.patient_id,
        'followup' as srcdom,
        {{ finding_reference('findings.') }} as srcseq
    from findings
    left join outcomes on findings.patient_id = outcomes.patient_id
    where
        findings.vital_status = 'dead'
        and not coalesce(outcomes.is_death_dated, false)
),

deaths_without_a_date as (
    select
        patient_id,
        'death' as kind,
        cast(null as date) as event_date,
        cast(null as date) as date_lower,
        cast(null as date) as date_upper,
        cast(null as string) as date_precision,
        srcdom,
        'vital_status' as srcvar,
        srcseq
    from undated_deaths
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

-- Whoever came to a visit or was imaged was alive on that day; a visit that tells a death was not
-- the patient's.
contacts as (
    {%- for column, condition in [
        ('visit_date', "coalesce(vital_status, 'alive') <> 'dead'"), ('imaging_date', 'true'),
    ] %}
    select
        patient_id,
        'last_contact' as kind,
        {{ column }} as event_date,
        {{ column }}_lower as date_lower,
        {{ column }}_upper as date_upper,
        {{ column }}_precision as date_precision,
        'followup' as srcdom,
        '{{ column }}' as srcvar,
        {{ finding_reference() }} as srcseq
    from findings
    where {{ column }} is not null and {{ condition }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

candidates as (
    select * from recurrences
    union all
    select * from assessments
    union all
    select * from deaths
    union all
    select * from deaths_without_a_date
    union all
    select * from last_contacts
    union all
    select * from contacts
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
