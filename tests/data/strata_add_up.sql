-- The values of every stratum hold the lesions of the undivided row, once each; every population
-- has that row, and strata.
with

concordance as (
    select *
    from {{ ref('modality_concordance') }}
),

populations as (
    select distinct population
    from {{ ref('int_population_lesion') }}
),

strata as (
    select
        population,
        stratum,
        sum(n_lesions) as n_lesions,
        sum(n_evaluable) as n_evaluable,
        sum(n_nonviable) as n_nonviable
    from concordance
    where stratum <> 'overall'
    group by population, stratum
)

select
    populations.population,
    strata.stratum,
    strata.n_lesions,
    strata.n_evaluable,
    strata.n_nonviable
from populations
left join strata on populations.population = strata.population
left join concordance
    on populations.population = concordance.population and concordance.stratum = 'overall'
where
    (
        strata.n_lesions = concordance.n_lesions
        and strata.n_evaluable = concordance.n_evaluable
        and strata.n_nonviable = concordance.n_nonviable
    ) is not true
