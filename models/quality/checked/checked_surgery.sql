-- Operation stages as sites sent them, with what their rules look at beside.
with

{{ checked_records('surgery') }},

patients as (select * from {{ ref('patient_facts') }}),

resections as (
    {{ staged_records('disposition', ['patient_id', 'lesion_id', 'stage', 'action']) }}
),

lesions as (select * from {{ ref('lesion_facts') }}),

resected as (
    select distinct
        resections.patient_id,
        resections.stage,
        resections.lesion_id,
        split_part(lesions.segment, '+', 1) as segment_1,
        nullif(split_part(lesions.segment, '+', 2), '') as segment_2,
        nullif(split_part(lesions.segment, '+', 3), '') as segment_3
    from resections
    inner join lesions on resections.lesion_id = lesions.lesion_id
    where resections.action = 'resected' and lesions.segment is not null
),

outside as (
    select
        records.patient_id,
        records.stage,
        {{ sorted_texts('resected.lesion_id') }} as lesion_ids
    from records
    inner join resected
        on
            records.patient_id = resected.patient_id
            and records.stage = resected.stage
    where
        not (
            {%- for part in ['segment_1', 'segment_2', 'segment_3'] %}
            {{ 'and ' if not loop.first }}(
                resected.{{ part }} is null
                or {{ segment_is_removed('resected.' ~ part, 'records.segments_removed') }}
            )
            {%- endfor %}
        )
    group by records.patient_id, records.stage
),

-- A second operation on one day, or a later stage before an earlier one.
at_odds as (
    select
        one.patient_id,
        one.stage,
        {{ sorted_texts(
            "'stage ' || cast(other.stage as string)"
            ~ " || ' on ' || cast(other.surgery_date as string)"
        ) }} as other_stages
    from records as one
    inner join records as other
        on
            one.patient_id = other.patient_id
            and one.stage <> other.stage
    where
        one.performed = 'yes' and other.performed = 'yes'
        and (
            -- one day, where both say the day
            (
                one.surgery_date_lower = other.surgery_date_upper
                and one.surgery_date_upper = other.surgery_date_lower
            )
            or (one.stage < other.stage and one.surgery_date_lower > other.surgery_date_upper)
            or (one.stage > other.stage and one.surgery_date_upper < other.surgery_date_lower)
        )
    group by one.patient_id, one.stage
)

select
    {{ record_columns('surgery') }},
    records.received_date,

    ---------- as told
    {{ form_values('surgery') }}

    ---------- how it was written
    {{ writing_columns(['patient']) }}

    ---------- beside the patient's other records
    patients.first_surgery_date,
    patients.consent_date_lower,
    patients.chemo_end_date_lower,
    patients.death_date,
    patients.death_date_upper,
    outside.lesion_ids as lesions_outside,
    at_odds.other_stages as other_stage_at_odds
from records
left join patients on records.patient_id = patients.patient_id
left join outside
    on
        records.patient_id = outside.patient_id
        and records.stage = outside.stage
left join at_odds
    on
        records.patient_id = at_odds.patient_id
        and records.stage = at_odds.stage
