-- One row per population, stratum and stratum value: of the evaluable lesions a test calls gone,
-- the share that is nonviable, with a naive interval and one that allows for lesions of one
-- patient being alike.
with

population_lesions as (
    select *
    from {{ ref('int_population_lesion') }}
),

-- Every population is shown, with zeros where no lesion belongs to it.
populations as (
    {% for population, _, _ in concordance_populations() %}
        select
            {{ loop.index }} as population_order,
            '{{ population }}' as population
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

stratified_lesions as (
    {% for stratum in concordance_strata() %}
        select
            population,
            patient_id,
            is_evaluable,
            is_nonviable,
            {{ loop.index }} as stratum_order,
            '{{ stratum }}' as stratum,
            {{ stratum }} as stratum_value
        from population_lesions
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

strata as (
    select
        stratum_order,
        stratum,
        stratum_value
    from stratified_lesions
    union distinct
    select
        1 as stratum_order,
        'overall' as stratum,
        'all' as stratum_value
),

-- Patients are the clusters: m evaluable lesions each, x of them nonviable.
patient_counts as (
    select
        population,
        stratum,
        stratum_value,
        patient_id,
        cast(count(*) as bigint) as n_lesions,
        cast(sum(case when is_evaluable then 1 else 0 end) as bigint) as m,
        cast(sum(case when is_nonviable then 1 else 0 end) as bigint) as x
    from stratified_lesions
    group by population, stratum, stratum_value, patient_id
),

sums as (
    select
        populations.population_order,
        populations.population,
        strata.stratum_order,
        strata.stratum,
        strata.stratum_value,
        cast(count(patient_counts.patient_id) as bigint) as n_patients_population,
        cast(sum(case when patient_counts.m > 0 then 1 else 0 end) as bigint) as n_patients,
        cast(coalesce(sum(patient_counts.n_lesions), 0) as bigint) as n_lesions,
        cast(coalesce(sum(patient_counts.m), 0) as bigint) as n_evaluable,
        cast(coalesce(sum(patient_counts.x), 0) as bigint) as n_nonviable,
        cast(sum(patient_counts.m * patient_counts.m) as double) as sum_m_squared,
        {{ ordered_sum(
            proportion('patient_counts.x * patient_counts.x', 'patient_counts.m'),
            'patient_counts.patient_id'
        ) }} as sum_x_squared_by_m
    from populations
    cross join strata
    left join patient_counts
        on
            populations.population = patient_counts.population
            and strata.stratum = patient_counts.stratum
            and strata.stratum_value = patient_counts.stratum_value
    group by
        populations.population_order,
        populations.population,
        strata.stratum_order,
        strata.stratum,
        strata.stratum_value
),

correlated as (
    select
        *,
        {{ proportion('n_nonviable', 'n_evaluable') }} as npv,
        {{ anova_icc(
            'n_evaluable', 'n_nonviable', 'n_patients', 'sum_m_squared', 'sum_x_squared_by_m'
        ) }} as icc
    from sums
),

effective as (
    select
        *,
        {{ design_effect('n_evaluable', 'sum_m_squared', 'icc') }} as design_effect,
        n_evaluable / {{ design_effect('n_evaluable', 'sum_m_squared', 'icc') }} as n_effective,
        -- the linter does not know lambdas of two arguments, which a fold is made of
        {{ confidence_t('n_patients - 1') }} as t_patients  -- noqa: PRS
    from correlated
)

select
    population,
    stratum,
    stratum_value,

    ---------- counts
    n_patients_population,
    n_patients,
    n_lesions,
    n_evaluable,
    n_nonviable,
    n_evaluable - n_nonviable as n_viable,

    ---------- share nonviable
    npv,
    {{ wilson_lower('n_nonviable', 'n_evaluable') }} as naive_lower,
    {{ wilson_upper('n_nonviable', 'n_evaluable') }} as naive_upper,
    {{ wilson_bound('npv', 'n_effective', 't_patients', '-') }} as clustered_lower,
    {{ wilson_bound('npv', 'n_effective', 't_patients', '+') }} as clustered_upper,

    ---------- clustering
    design_effect,
    icc,
    n_effective,
    case
        when n_evaluable = 0 then 'no evaluable lesion'
        when n_patients = 1 then 'Wilson; no clustered interval from one patient'
        else 'Wilson; clustered: Wilson on the effective size, ANOVA ICC, t on K - 1 df'
    end as method
from effective
order by population_order, stratum_order, stratum_value
