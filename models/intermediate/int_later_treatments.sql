with

left_lesions as (
    select *
    from {{ ref('int_lesion_dispositions') }}
    where disposition = 'left_in_place'
),

findings as (select * from {{ ref('int_findings') }}),

dispositions as (select * from {{ ref('int_dispositions') }}),

told_at_visits as (
    select
        lesion_id,
        later_treatment as treatment,
        later_treatment_date as treatment_date,
        later_treatment_date_lower as treatment_date_lower
    from findings
    where later_treatment is not null and lesion_id is not null
),

-- An operation beyond the plan treats what the planned stages left.
further_operations as (
    select
        lesion_id,
        action as treatment,
        surgery_date as treatment_date,
        surgery_date_lower as treatment_date_lower
    from dispositions
    where is_performed and not is_counted_stage and action in ('resected', 'ablated')
),

treatments as (
    select * from told_at_visits
    union all
    select * from further_operations
)

select
    left_lesions.lesion_id,
    max(case when treatments.treatment = 'resected' then 1 else 0 end) = 1 as was_resected_later,
    min(case when treatments.treatment = 'resected' then treatments.treatment_date end)
        as later_resection_date,
    min(case when treatments.treatment = 'resected' then treatments.treatment_date_lower end)
        as later_resection_date_lower,
    min(treatments.treatment_date) as first_treatment_date,
    max(case when treatments.treatment_date is null then 1 else 0 end) = 1 as has_undated_treatment
from left_lesions
inner join treatments on left_lesions.lesion_id = treatments.lesion_id
group by left_lesions.lesion_id
