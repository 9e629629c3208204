-- One row per population, stratum, stratum value and patient: the patient's lesions there, counted
-- by what is known of them. Every interval of the concordance marts is made from these rows.
with

population_lesions as (
    select * from {{ ref('int_population_lesion') }}
),

stratified_lesions as (
    {% for stratum in concordance_strata() %}
        select
            population,
            patient_id,
            is_evaluable,
            is_nonviable,
            reference_verdict,
            {{ loop.index }} as stratum_order,
            '{{ stratum }}' as stratum,
            {{ stratum }} as stratum_value
        from population_lesions
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
)

select
    population,
    stratum_order,
    stratum,
    stratum_value,
    patient_id,
    cast(count(*) as bigint) as n_lesions,
    cast(sum(case when is_evaluable then 1 else 0 end) as bigint) as n_evaluable,
    cast(sum(case when is_nonviable then 1 else 0 end) as bigint) as n_nonviable,

    ---------- truth known although the lesion is not evaluable: only imaging failed
    cast(sum(case when not is_evaluable and reference_verdict = 'nonviable' then 1 else 0 end)
        as bigint) as n_known_nonviable,
    cast(sum(case when not is_evaluable and reference_verdict = 'viable' then 1 else 0 end)
        as bigint) as n_known_viable
from stratified_lesions
group by population, stratum_order, stratum, stratum_value, patient_id
