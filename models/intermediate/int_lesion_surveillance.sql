{%- set limit_days = var('reference_followup_days') -%}
with

left_lesions as (
    select *
    from {{ ref('int_lesion_dispositions') }}
    where disposition = 'left_in_place'
),

operations as (select * from {{ ref('int_operations') }}),

findings as (select * from {{ ref('int_findings') }}),

later_treatments as (select * from {{ ref('int_later_treatments') }}),

outcomes as (select * from {{ ref('int_outcomes') }}),

-- A regrowth that names no lesion is that of the only one left; of several nobody knows which.
left_per_patient as (
    select
        patient_id,
        count(*) as n_left
    from left_lesions
    group by patient_id
),

told_regrowths as (
    select
        lesion_id,
        recurrence_date,
        recurrence_date_lower,
        recurrence_date_upper
    from findings
    where is_regrowth
    union all
    select
        left_lesions.lesion_id,
        findings.recurrence_date,
        findings.recurrence_date_lower,
        findings.recurrence_date_upper
    from findings
    inner join left_per_patient on findings.patient_id = left_per_patient.patient_id
    inner join left_lesions on findings.patient_id = left_lesions.patient_id
    where findings.is_regrowth_unnamed and left_per_patient.n_left = 1
),

-- The first days that the first regrowth can lie on at the earliest and at the latest.
regrowths as (
    select
        lesion_id,
        min(recurrence_date) as regrowth_date,
        min(recurrence_date_lower) as regrowth_date_lower,
        min(recurrence_date_upper) as regrowth_date_upper,
        max(case when recurrence_date is null then 1 else 0 end) = 1 as has_undated_regrowth
    from told_regrowths
    group by lesion_id
),

unnamed_regrowths as (
    select
        patient_id,
        min(recurrence_date_lower) as regrowth_date_lower,
        max(case when recurrence_date is null then 1 else 0 end) = 1 as has_undated_regrowth
    from findings
    where is_regrowth_unnamed
    group by patient_id
),

exam_days as (
    select distinct
        patient_id,
        imaging_date,
        imaging_date_lower
    from findings
    where imaging_date is not null
),

watched as (
    select
        left_lesions.lesion_id,
        left_lesions.patient_id,
        operations.surgery_date,
        operations.surgery_date_lower,
        operations.surgery_date_upper,
        left_per_patient.n_left,
        later_treatments.first_treatment_date,
        coalesce(later_treatments.has_undated_treatment, false) as has_undated_treatment
    from left_lesions
    inner join operations on left_lesions.patient_id = operations.patient_id
    inner join left_per_patient on left_lesions.patient_id = left_per_patient.patient_id
    left join later_treatments on left_lesions.lesion_id = later_treatments.lesion_id
),

-- Once the spot has been treated, clean images of it say nothing about the lesion that was left;
-- treated on a day unknown, it has none. An image settles it when it cannot have been taken before
-- the limit.
imaged as (
    select
        watched.lesion_id,
        max(exam_days.imaging_date) as last_imaging_date,
        min(
            case
                when
                    {{ days_between('watched.surgery_date_upper', 'exam_days.imaging_date_lower') }}
                    >= {{ limit_days }}
                    then exam_days.imaging_date
            end
        ) as settling_imaging_date
    from watched
    inner join exam_days on watched.patient_id = exam_days.patient_id
    where
        not watched.has_undated_treatment
        and (
            watched.first_treatment_date is null
            or exam_days.imaging_date <= watched.first_treatment_date
        )
    group by watched.lesion_id
)

select
    watched.lesion_id,
    watched.patient_id,
    regrowths.regrowth_date,
    {{ days_between('watched.surgery_date', 'regrowths.regrowth_date') }} as days_to_regrowth,

    ---------- regrowth by the limit, for certain or perhaps
    coalesce(
        {{ days_between('watched.surgery_date_lower', 'regrowths.regrowth_date_upper') }}
        <= {{ limit_days }},
        false
    ) as is_regrown_by_limit,
    coalesce(
        regrowths.has_undated_regrowth
        or {{ days_between('watched.surgery_date_upper', 'regrowths.regrowth_date_lower') }}
        <= {{ limit_days }},
        false
    ) as may_be_regrown_by_limit,
    coalesce(
        watched.n_left > 1
        and (
            unnamed_regrowths.has_undated_regrowth
            or {{ days_between(
                'watched.surgery_date_upper', 'unnamed_regrowths.regrowth_date_lower'
            ) }} <= {{ limit_days }}
        ),
        false
    ) as may_be_unnamed_regrowth,

    ---------- imaging and death
    imaged.last_imaging_date,
    imaged.settling_imaging_date,
    case
        when
            {{ days_between('watched.surgery_date_lower', 'outcomes.death_date_upper') }}
            < {{ limit_days }}
            then outcomes.death_date
    end as death_date_before_limit
from watched
left join regrowths on watched.lesion_id = regrowths.lesion_id
left join unnamed_regrowths on watched.patient_id = unnamed_regrowths.patient_id
left join imaged on watched.lesion_id = imaged.lesion_id
left join outcomes on watched.patient_id = outcomes.patient_id
