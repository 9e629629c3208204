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

regrowths as (
    select
        lesion_id,
        min(recurrence_date) as regrowth_date,
        max(case when recurrence_date is null then 1 else 0 end) = 1 as has_undated_regrowth
    from findings
    where is_regrowth
    group by lesion_id
),

exam_days as (
    select distinct
        patient_id,
        imaging_date
    from findings
    where imaging_date is not null
),

watched as (
    select
        left_lesions.lesion_id,
        left_lesions.patient_id,
        operations.surgery_date,
        later_treatments.first_treatment_date
    from left_lesions
    inner join operations on left_lesions.patient_id = operations.patient_id
    left join later_treatments on left_lesions.lesion_id = later_treatments.lesion_id
),

-- Once the spot has been treated, clean images of it say nothing about the lesion that was left.
imaged as (
    select
        watched.lesion_id,
        max(exam_days.imaging_date) as last_imaging_date,
        min(
            case
                when
                    {{ days_between('watched.surgery_date', 'exam_days.imaging_date') }}
                    >= {{ limit_days }}
                    then exam_days.imaging_date
            end
        ) as settling_imaging_date
    from watched
    inner join exam_days on watched.patient_id = exam_days.patient_id
    where
        watched.first_treatment_date is null
        or exam_days.imaging_date <= watched.first_treatment_date
    group by watched.lesion_id
)

select
    watched.lesion_id,
    watched.patient_id,
    regrowths.regrowth_date,
    {{ days_between('watched.surgery_date', 'regrowths.regrowth_date') }} as days_to_regrowth,
    coalesce(regrowths.has_undated_regrowth, false) as has_undated_regrowth,
    imaged.last_imaging_date,
    imaged.settling_imaging_date,
    case
        when
            {{ days_between('watched.surgery_date', 'outcomes.death_date') }} < {{ limit_days }}
            then outcomes.death_date
    end as death_date_before_limit
from watched
left join regrowths on watched.lesion_id = regrowths.lesion_id
left join imaged on watched.lesion_id = imaged.lesion_id
left join outcomes on watched.patient_id = outcomes.patient_id
