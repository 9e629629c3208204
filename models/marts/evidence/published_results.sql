-- One row per published claim, beside what this build computes for it. A claim is reproduced when
-- the computed value rounds to the printed decimals (TRIAL rule 8). Nothing here stops a build.
{%- set evidence = {
    'patient_flow': [
        ('flow_registered', 'registered', 'patients', 'remaining', ''),
        ('flow_operated', 'operated', 'patients', 'of_which', 'complete_preop_imaging'),
        ('flow_operated_coauthor', 'operated', 'patients', 'remaining', ''),
        ('flow_ct_lesions', 'dlm', 'lesions', 'remaining', ''),
        ('flow_ct_patients', 'dlm', 'patients', 'remaining', ''),
        ('flow_ct_mri_lesions', 'confirmed_dlm', 'lesions', 'remaining', ''),
        ('flow_ct_mri_patients', 'confirmed_dlm', 'patients', 'remaining', ''),
        ('flow_evaluable_lesions', 'evaluable_confirmed_dlm', 'lesions', 'remaining', ''),
        ('flow_evaluable_patients', 'evaluable_confirmed_dlm', 'patients', 'remaining', ''),
        ('flow_mri_visible_lesions', 'confirmed_dlm', 'lesions', 'excluded', 'mri_visible'),
        ('flow_mri_visible_patients', 'dlm', 'patients', 'of_which', 'with_mri_visible_dlm'),
    ],
    'modality_concordance': [
        ('npv_ct', 'ct', 'n_nonviable'),
        ('npv_ct_mri', 'ct_mri', 'n_nonviable'),
        ('residual_ct_mri', 'ct_mri', 'n_viable'),
        ('nonviable_mri_visible', 'ct_gone_mri_visible', 'n_nonviable'),
        ('npv_ceious', 'ct_mri_ceious', 'n_nonviable'),
    ],
    'baseline_characteristics': [
        ('age_median', 'age_years', 'median'),
        ('age_q1', 'age_years', 'q1'),
        ('age_q3', 'age_years', 'q3'),
        ('metastases_median', 'n_metastases', 'median'),
        ('metastases_q1', 'n_metastases', 'q1'),
        ('metastases_q3', 'n_metastases', 'q3'),
    ],
    'km_summary': [
        ('rfs_median_all_resected', 'RFS', 'all_resected'),
        ('rfs_median_some_left', 'RFS', 'some_left'),
        ('os_median_all_resected', 'OS', 'all_resected'),
        ('os_median_some_left', 'OS', 'some_left'),
    ],
    'dim_site': [
        ('sites_europe', 'Europe', 'site_id'),
        ('countries_europe', 'Europe', 'country'),
        ('sites_japan', 'Japan', 'site_id'),
        ('sites_us', 'United States', 'site_id'),
    ],
} %}
with

claims as (
    select *
    from {{ ref('ref_published_claims') }}
),

patients as (
    select *
    from {{ ref('dim_patient') }}
),

sites as (
    select *
    from {{ ref('dim_site') }}
),

lesions as (
    select *
    from {{ ref('fct_lesion') }}
),

flow as (
    select *
    from {{ ref('patient_flow') }}
),

concordance as (
    select *
    from {{ ref('modality_concordance') }}
    where stratum = 'overall'
),

operated_characteristics as (
    select *
    from {{ ref('baseline_characteristics') }}
    where analysis_set = 'operated' and group_name = 'overall' and statistic = 'median_iqr'
),

group_survival as (
    select *
    from {{ ref('km_summary') }}
    where grouping = 'resection_group' and conf_type = 'log-log'
),

comparisons as (
    select *
    from {{ ref('survival_comparison') }}
    where grouping = 'resection_group'
),

---------- what this build computes, one row per claim: a number, or a text where the claim is one

computed_counts as (
    {% for claim, step, unit, row_type, reason in evidence['patient_flow'] %}
        select
            '{{ claim }}' as claim_id,
            cast(coalesce(sum(n), 0) as double) as computed_numeric,
            cast(null as string) as computed_text,
            cast(null as bigint) as numerator,
            cast(null as bigint) as denominator,
            cast(null as string) as caveat
        from flow
        where
            step = '{{ step }}'
            and unit = '{{ unit }}'
            and row_type = '{{ row_type }}'
            and exclusion_reason = '{{ reason }}'
        union all
    {% endfor %}
    select
        'flow_no_confirmed_patients' as claim_id,
        cast(coalesce(sum(n), 0) as double) as computed_numeric,
        cast(null as string) as computed_text,
        cast(null as bigint) as numerator,
        cast(null as bigint) as denominator,
        cast(null as string) as caveat
    from flow
    where step = 'confirmed_dlm' and unit = 'patients' and row_type = 'excluded'
),

registration_period as (
    select
        'registration_period' as claim_id,
        cast(null as double) as computed_numeric,
        substr(cast(min(registration_date) as string), 1, 7)
        || ' to ' || substr(cast(max(registration_date) as string), 1, 7) as computed_text,
        cast(null as bigint) as numerator,
        cast(null as bigint) as denominator,
        cast(null as string) as caveat
    from patients
),

computed_shares as (
    {% for claim, population, numerator in evidence['modality_concordance'] %}
        select
            '{{ claim }}' as claim_id,
            100e0 * {{ proportion(numerator, 'n_evaluable') }} as computed_numeric,
            cast(null as string) as computed_text,
            {{ numerator }} as numerator,
            n_evaluable as denominator,
            cast(null as string) as caveat
        from concordance
        where population = '{{ population }}'
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

computed_characteristics as (
    {% for claim, characteristic, statistic in evidence['baseline_characteristics'] %}
        select
            '{{ claim }}' as claim_id,
            {{ statistic }} as computed_numeric,
            cast(null as string) as computed_text,
            cast(null as bigint) as numerator,
            n as denominator,
            cast(null as string) as caveat
        from operated_characteristics
        where characteristic = '{{ characteristic }}'
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- The claim gives no timepoint that makes sense; the size at baseline is what comes nearest.
computed_size as (
    select
        'size_median' as claim_id,
        {{ quantile_type7('baseline_size_mm / 10e0', 0.5) }} as computed_numeric,
        cast(null as string) as computed_text,
        cast(null as bigint) as numerator,
        cast(count(baseline_size_mm) as bigint) as denominator,
        'computed: diameter at baseline, before chemotherapy' as caveat
    from lesions
    where is_confirmed_dlm
),

computed_medians as (
    {% for claim, paramcd, resection_group in evidence['km_summary'] %}
        select
            '{{ claim }}' as claim_id,
            median_months as computed_numeric,
            case when median_months is null then 'not reached' end as computed_text,
            events as numerator,
            n as denominator,
            'numerator: events; denominator: patients' as caveat
        from group_survival
        where paramcd = '{{ paramcd }}' and group_value = '{{ resection_group }}' and n > 0
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- Which endpoints differ; no row where a comparison could not be made.
computed_difference as (
    select
        'survival_no_difference' as claim_id,
        min(p_value) as computed_numeric,
        case
            when min(p_value) >= {{ (1 - var("confidence_level")) | round(6) }} then 'none'
            else 'significant'
        end as computed_text,
        cast(null as bigint) as numerator,
        cast(null as bigint) as denominator,
        'number computed: smaller log-rank p of the two endpoints' as caveat
    from comparisons
    where paramcd in ('RFS', 'OS')
    having count(p_value) = 2
),

computed_sites as (
    {% for claim, region, counted in evidence['dim_site'] %}
        select
            '{{ claim }}' as claim_id,
            cast(count(distinct {{ counted }}) as double) as computed_numeric,
            cast(null as string) as computed_text,
            cast(null as bigint) as numerator,
            cast(null as bigint) as denominator,
            cast(null as string) as caveat
        from sites
        where region = '{{ region }}'
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

computed as (
    {% for part in [
        'computed_counts', 'registration_period', 'computed_shares', 'computed_characteristics',
        'computed_size', 'computed_medians', 'computed_difference', 'computed_sites',
    ] %}
        select *
        from {{ part }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

---------- claim beside computed

printed as (
    select
        claims.claim_id,
        claims.topic,
        claims.population,
        claims.statistic,
        claims.unit,
        claims.value as published_value,
        claims.status as claim_status,
        claims.source,
        claims.note,
        coalesce(
            computed.computed_text,
            {{ print_decimals(
                'computed.computed_numeric',
                "case when claims.value like '%.%' then length(claims.value) - "
                ~ "length(split_part(claims.value, '.', 1)) - 1 else 0 end"
            ) }}
        ) as computed_value,
        computed.computed_text is not null as is_text,
        computed.computed_numeric,
        computed.numerator,
        computed.denominator,
        computed.caveat
    from claims
    left join computed
        on claims.claim_id = computed.claim_id
),

judged as (
    select
        *,
        case
            when claim_status = 'context' then 'context'
            when claim_status = 'contradicted' then 'contradicted at source'
            when computed_value is null then 'not identifiable'
            when computed_value = published_value then 'reproduced'
            else 'not reproduced'
        end as status
    from printed
)

select
    cast(claim_id as string) as claim_id,
    cast(topic as string) as topic,
    cast(population as string) as population,
    cast(statistic as string) as statistic,
    cast(unit as string) as unit,

    ---------- published and computed
    cast(published_value as string) as published_value,
    cast(computed_value as string) as computed_value,
    computed_numeric,
    numerator,
    denominator,

    ---------- verdict
    cast(claim_status as string) as claim_status,
    status,
    case
        when status = 'context' then 'said about the trial or of other series, not a result of it'
        when status = 'contradicted at source' then 'sources contradict each other or themselves'
        when status = 'not identifiable' then 'this warehouse holds nothing to compute it from'
        when is_text and status = 'reproduced' then 'equals the printed text'
        when is_text then 'differs from the printed text'
        when status = 'reproduced' then 'rounds to the printed decimals'
        else 'differs at the printed decimals'
    end
    || case
        when claim_status like '%not identifiable%'
            then '; the published denominator is not identifiable, others fit as well'
        else ''
    end
    || coalesce('; ' || caveat, '') as reason,
    cast(source as string) as source,
    cast(note as string) as note
from judged
order by topic, claim_id
