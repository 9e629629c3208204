with

dispositions as (select * from {{ ref('int_lesion_dispositions') }}),

later_treatments as (select * from {{ ref('int_later_treatments') }}),

specimens as (select * from {{ ref('int_specimens') }}),

-- Of a lesion that was left, only a specimen of the later resection says anything; it may be dated
-- by month, so its latest possible day counts.
relevant as (
    select
        dispositions.lesion_id,
        dispositions.disposition = 'left_in_place' as is_later,
        specimens.specimen_id,
        specimens.pathology_date,
        specimens.specimen_result,
        case specimens.specimen_result
            when 'viable_cells' then 1
            when 'no_viable_cells' then 2
            when 'pathology_not_evaluable' then 3
            else 4
        end as weight
    from specimens
    inner join dispositions on specimens.lesion_id = dispositions.lesion_id
    left join later_treatments on specimens.lesion_id = later_treatments.lesion_id
    where
        dispositions.disposition in ('resected', 'ablated')
        or (
            dispositions.disposition = 'left_in_place'
            and later_treatments.was_resected_later
            and coalesce(
                specimens.pathology_date_upper >= later_treatments.later_resection_date_lower,
                true
            )
        )
),

-- Viable cells in one specimen are not undone by another without; what was read outweighs what
-- was not.
weightiest as (
    select
        lesion_id,
        min(weight) as weight,
        count(distinct specimen_id) as n_specimens,
        count(distinct case when weight <= 2 then specimen_result end) > 1 as specimens_oppose
    from relevant
    group by lesion_id
)

select
    relevant.lesion_id,
    relevant.is_later,
    relevant.specimen_result as pathology_reason,
    min(relevant.pathology_date) as pathology_date,
    cast(min(weightiest.n_specimens) as integer) as n_specimens,
    bool_or(weightiest.specimens_oppose) as specimens_oppose
from relevant
inner join weightiest
    on
        relevant.lesion_id = weightiest.lesion_id
        and relevant.weight = weightiest.weight
group by relevant.lesion_id, relevant.is_later, relevant.specimen_result
