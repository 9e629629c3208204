-- One row per study, index test and stratum: share nonviable of lesions (or patients) that had
-- disappeared, earlier series and this trial beside each other.
{%- set index_tests = {
    'ct': 'CT',
    'ct_mri': 'CT and hepatobiliary MRI',
    'ct_gone_mri_visible': 'CT, still visible on MRI',
    'ct_mri_ceious': 'CT, MRI and contrast-enhanced intraoperative ultrasound',
} %}
with

studies as (
    select *
    from {{ ref('ref_literature_evidence') }}
),

concordance as (
    select *
    from {{ ref('modality_concordance') }}
    where
        stratum = 'overall'
        or (stratum = 'disposition' and stratum_value in ('resected', 'left_in_place'))
),

published as (
    select
        study,
        cast(year as integer) as year,
        unit,
        index_test,
        stratum,
        nullif(parent_stratum, '') as parent_stratum,
        reference_standard,
        cast(nonviable as bigint) as nonviable,
        cast(evaluated as bigint) as evaluated,
        status as evidence_status,
        source
    from studies
),

earlier_series as (
    select
        *,
        {{ wilson_lower('nonviable', 'evaluated') }} as ci_lower,
        {{ wilson_upper('nonviable', 'evaluated') }} as ci_upper,
        'Wilson' as interval_method,
        false as is_this_trial,
        cast(null as string) as population
    from published
),

this_trial as (
    select
        'This trial' as study,
        cast(null as integer) as year,
        'lesion' as unit,
        case concordance.population
            {% for population, index_test in index_tests.items() %}
                when '{{ population }}' then '{{ index_test }}'
            {% endfor %}
        end as index_test,
        replace(concordance.stratum_value, '_', ' ') as stratum,
        case when concordance.stratum = 'disposition' then 'all' end as parent_stratum,
        case concordance.stratum_value
            when 'resected' then 'pathology'
            when 'left_in_place'
                then 'follow-up {{ var("reference_followup_days") }} days or later pathology'
            else 'pathology or follow-up {{ var("reference_followup_days") }} days'
        end as reference_standard,
        concordance.n_nonviable as nonviable,
        concordance.n_evaluable as evaluated,
        'computed by this build' as evidence_status,
        'marts.modality_concordance' as source,
        concordance.clustered_lower as ci_lower,
        concordance.clustered_upper as ci_upper,
        'clustered Wilson' as interval_method,
        true as is_this_trial,
        concordance.population
    from concordance
    where
        concordance.population in (
            {% for population in index_tests %}
                '{{ population }}'{% if not loop.last %},{% endif %}
            {% endfor %}
        )
),

evidence as (
    select *
    from earlier_series
    union all
    select *
    from this_trial
)

select
    cast(study as string) as study,
    year,
    cast(unit as string) as unit,
    cast(index_test as string) as index_test,
    cast(stratum as string) as stratum,
    cast(parent_stratum as string) as parent_stratum,
    cast(reference_standard as string) as reference_standard,

    ---------- share nonviable
    nonviable,
    evaluated,
    {{ proportion('nonviable', 'evaluated') }} as proportion,
    ci_lower,
    ci_upper,
    interval_method,

    ---------- provenance
    cast(evidence_status as string) as evidence_status,
    is_this_trial,
    cast(population as string) as population,
    cast(source as string) as source
from evidence
order by is_this_trial, year, study, index_test, stratum
