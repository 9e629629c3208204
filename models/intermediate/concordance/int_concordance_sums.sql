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

-- What each analysis counts of a patient: m units, x of them nonviable.
counted as (
    {% for analysis, m, x in concordance_analyses() %}
        select
            population,
            stratum,
            stratum_value,
            patient_id,
            n_lesions,
            {{ loop.index }} as analysis_order,
            '{{ analysis }}' as analysis,
            cast({{ m }} as bigint) as m,
            cast({{ x }} as bigint) as x
        from patients
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

with_totals as (
    select
        *,
        sum(m) over (partition by population, stratum, stratum_value, analysis) as total_m,
        sum(x) over (partition by population, stratum, stratum_value, analysis) as total_x
    from counted
),

with_residuals as (
    select
        *,
        {{ cluster_residual('x', 'm', 'total_x', 'total_m') }} as residual
    from with_totals
),

analyses as (
    {% for analysis, _, _ in concordance_analyses() %}
        select
            {{ loop.index }} as analysis_order,
            '{{ analysis }}' as analysis
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

sums as (
    select
        populations.population_order,
        populations.population,
        strata.stratum_order,
        strata.stratum,
        strata.stratum_value,
        analyses.analysis_order,
        analyses.analysis,
        cast(count(with_residuals.patient_id) as bigint) as n_patients_population,
        cast(coalesce(sum(with_residuals.n_lesions), 0) as bigint) as n_lesions,
        {{ cluster_sums('with_residuals.m', 'with_residuals.x', 'with_residuals.patient_id') }},
        {{ ordered_sum(
            'with_residuals.residual * with_residuals.residual', 'with_residuals.patient_id'
        ) }} as sum_squared_residuals
    from populations
    cross join strata
    cross join analyses
    left join with_residuals
        on
            populations.population = with_residuals.population
            and strata.stratum = with_residuals.stratum
            and strata.stratum_value = with_residuals.stratum_value
            and analyses.analysis = with_residuals.analysis
    group by
        populations.population_order,
        populations.population,
        strata.stratum_order,
        strata.stratum,
        strata.stratum_value,
        analyses.analysis_order,
        analyses.analysis
),

correlated as (
    select
        *,
        {{ proportion('k', 'n') }} as share,
        {{ linearised_variance('sum_squared_residuals', 'n', 'n_clusters') }} as variance,
        {{ anova_icc('n', 'k', 'n_clusters', 'sum_m_squared', 'sum_x_squared_by_m') }} as icc
    from sums
)

select
    population_order,
    population,
    stratum_order,
    stratum,
    stratum_value,
    analysis_order,
    analysis,

    ---------- counts
    n_patients_population,
    n_lesions,
    n_clusters,
    n,
    k,

    ---------- share and its clustering
    share,
    variance,
    icc,
    {{ design_effect('n', 'sum_m_squared', 'icc') }} as design_effect,
    n / {{ design_effect('n', 'sum_m_squared', 'icc') }} as n_effective,
    {{ rao_scott_design_effect('share', 'variance', 'n') }} as rao_scott_effect,
    -- the linter does not know lambdas of two arguments, which a fold is made of
    {{ confidence_t('n_clusters - 1') }} as t_clusters,  -- noqa: PRS

    ---------- share weighing every patient alike
    sum_share / nullif(n_clusters, 0) as patient_share,
    case when n_clusters > 1 then
        greatest(sum_share_squared - sum_share * sum_share / n_clusters, 0e0)
        / (n_clusters - 1) / n_clusters
    end as patient_share_variance
from correlated
