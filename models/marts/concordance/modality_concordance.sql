-- One row per population, stratum and stratum value: of the evaluable lesions a test calls gone,
-- the share that is nonviable, with a naive interval and one that allows for lesions of one
-- patient being alike.
with

sums as (
    select *
    from {{ ref('int_concordance_sums') }}
    where analysis = 'evaluable'
)

select
    population,
    stratum,
    stratum_value,

    ---------- counts
    n_patients_population,
    n_clusters as n_patients,
    n_lesions,
    n as n_evaluable,
    k as n_nonviable,
    n - k as n_viable,

    ---------- share nonviable
    share as npv,
    {{ wilson_lower('k', 'n') }} as naive_lower,
    {{ wilson_upper('k', 'n') }} as naive_upper,
    {{ wilson_bound('share', 'n_effective', 't_clusters', '-') }} as clustered_lower,
    {{ wilson_bound('share', 'n_effective', 't_clusters', '+') }} as clustered_upper,

    ---------- clustering
    design_effect,
    icc,
    n_effective,
    case
        when n = 0 then 'no evaluable lesion'
        when n_clusters = 1 then 'Wilson; no clustered interval from one patient'
        else 'Wilson; clustered: Wilson on the effective size, ANOVA ICC, t on K - 1 df'
    end as method
from sums
order by population_order, stratum_order, stratum_value
