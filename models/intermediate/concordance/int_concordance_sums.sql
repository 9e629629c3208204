-- One row per population, stratum, stratum value and analysis: a share counted over patients as
-- clusters, with what its intervals and tests need. The grid is full, zeros where no lesion is.
{%- set always_shown = [
    ('overall', 'all'), ('disposition', 'resected'), ('disposition', 'left_in_place'),
] %}
with

patients as (
    select * from {{ ref('int_concordance_patient') }}
),

-- Every population is shown, and resected and followed lesions always apart: their truths come from
-- different reference standards.
populations as (
    {% for population, _, _ in concordance_populations() %}
        select
            {{ loop.index }} as population_order,
            '{{ population }}' as population
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

strata as (
    select
        stratum_order,
        stratum,
        stratum_value
    from patients
    {% for stratum, value in always_shown if stratum in concordance_strata() %}
        union distinct
        select
            {{ concordance_strata().index(stratum) + 1 }} as stratum_order,
            '{{ stratum }}' as stratum,
            '{{ value }}' as stratum_value
    {% endfor %}
),

analyses as (
    {% for analysis, _, _ in concordance_analyses() %}
        select
            {{ loop.index }} as analysis_order,
            '{{ analysis }}' as analysis
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

members as (
    select
        population,
        stratum,
        stratum_value,
        count(*) as n_patients,
        sum(n_lesions) as n_lesions
    from patients
    group by population, stratum, stratum_value
),

-- What each analysis counts of a patient: m units, x of them nonviable.
clusters as (
    {% for analysis, m, x in concordance_analyses() %}
        select
            population,
            stratum,
            stratum_value,
            '{{ analysis }}' as analysis,
            cast({{ m }} as bigint) as m,
            cast({{ x }} as bigint) as x
        from patients
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- the linter does not know lambdas of two arguments, which folds are made of
-- noqa: disable=PRS
shares as (
    {{ clustered_shares('clusters', ['population', 'stratum', 'stratum_value', 'analysis']) }}
)
-- noqa: enable=PRS

select
    populations.population_order,
    populations.population,
    strata.stratum_order,
    strata.stratum,
    strata.stratum_value,
    analyses.analysis_order,
    analyses.analysis,

    ---------- counts
    cast(coalesce(members.n_patients, 0) as bigint) as n_patients_population,
    cast(coalesce(members.n_lesions, 0) as bigint) as n_lesions,
    coalesce(shares.n_clusters, 0) as n_clusters,
    coalesce(shares.n, 0) as n,
    coalesce(shares.k, 0) as k,

    ---------- share and its clustering
    shares.share,
    shares.variance,
    shares.icc,
    shares.design_effect,
    shares.n_effective,
    shares.rao_scott_effect,
    shares.n_korn_graubard,
    shares.t_clusters,

    ---------- share weighing every patient alike
    shares.cluster_mean as patient_share,
    shares.cluster_mean_variance as patient_share_variance
from populations
cross join strata
cross join analyses
left join members
    on
        populations.population = members.population
        and strata.stratum = members.stratum
        and strata.stratum_value = members.stratum_value
left join shares
    on
        populations.population = shares.population
        and strata.stratum = shares.stratum
        and strata.stratum_value = shares.stratum_value
        and analyses.analysis = shares.analysis
