-- One row per population and lesion that belongs to it, with the strata the lesion falls into.
with

lesions as (
    select *
    from {{ ref('fct_lesion') }}
),

patients as (
    select *
    from {{ ref('dim_patient') }}
),

members as (
    {% for population, membership, evaluability in concordance_populations() %}
        select
            '{{ population }}' as population,
            {{ loop.index }} as population_order,
            lesion_id,
            patient_id,
            disposition,
            size_band,
            reference_verdict,
            coalesce({{ evaluability }}, false) as is_evaluable
        from lesions
        where is_baseline_lesion and {{ membership }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

members_per_patient as (
    select
        population,
        patient_id,
        count(*) as n_lesions
    from members
    group by population, patient_id
)

select
    members.population,
    members.population_order,
    members.lesion_id,
    members.patient_id,
    members.is_evaluable,

    ---------- outcome
    members.is_evaluable and members.reference_verdict = 'nonviable' as is_nonviable,
    members.reference_verdict,

    ---------- strata
    'all' as overall,
    coalesce(patients.region, 'unknown') as region,
    coalesce(patients.data_centre, 'unknown') as data_centre,
    coalesce(members.disposition, 'missing') as disposition,
    members.size_band,
    case
        when members_per_patient.n_lesions = 1 then '1'
        when members_per_patient.n_lesions <= 4 then '2-4'
        when members_per_patient.n_lesions <= 9 then '5-9'
        else '10+'
    end as lesions_per_patient
from members
inner join patients
    on members.patient_id = patients.patient_id
inner join members_per_patient
    on
        members.population = members_per_patient.population
        and members.patient_id = members_per_patient.patient_id
