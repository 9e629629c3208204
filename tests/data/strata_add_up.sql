-- The values of every stratum hold the lesions of the undivided row, once each.
with

concordance as (
    select *
    from {{ ref('modality_concordance') }}
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

select strata.*
from strata
inner join concordance
    on strata.population = concordance.population and concordance.stratum = 'overall'
where
    strata.n_lesions <> concordance.n_lesions
    or strata.n_evaluable <> concordance.n_evaluable
    or strata.n_nonviable <> concordance.n_nonviable
