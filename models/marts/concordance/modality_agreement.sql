-- One row per pair of tests, of readers (per modality and timepoint) or of shares nonviable (per
-- disposition): paired verdicts with kappa and clustered tests, and the difference of two shares.
{%- set test_pairs = [
    ('CT', 'MRI', 'preop'), ('CT', 'IOUS', 'preop and intraop'), ('CT', 'CEIOUS', 'preop and intraop'),
    ('MRI', 'IOUS', 'preop and intraop'), ('MRI', 'CEIOUS', 'preop and intraop'),
    ('IOUS', 'CEIOUS', 'intraop'),
] %}
{#- The second lies inside the first, or shares patients with it: never two independent samples. -#}
{%- set share_pairs = [
    ('ct', 'ct_mri'), ('ct_mri', 'ct_mri_ceious'), ('ct_mri', 'ct_gone_mri_visible'),
] %}
with

lesions as (
    select *
    from {{ ref('fct_lesion') }}
    where is_baseline_lesion and is_operated
),

reader_pairs as (
    select *
    from {{ ref('int_reader_pair') }}
),

populations as (
    select *
    from {{ ref('int_concordance_patient') }}
    where
        stratum = 'overall'
        or (stratum = 'disposition' and stratum_value in ('resected', 'left_in_place'))
),

---------- paired verdicts

comparisons as (
    {% for first, second, timepoint in test_pairs %}
        select
            patient_id,
            '{{ first }} - {{ second }}' as comparison,
            '{{ timepoint }}' as timepoint,
            {{ first | lower }}_verdict as first_verdict,
            {{ second | lower }}_verdict as second_verdict
        from lesions
        union all
    {% endfor %}
    select
        patient_id,
        modality || ': local - central' as comparison,
        timepoint,
        local_verdict as first_verdict,
        central_verdict as second_verdict
    from reader_pairs
),

-- Pairs of tests are shown without lesions too; of readers there is a row for what was read.
units as (
    {% for first, second, timepoint in test_pairs %}
        select
            'test' as kind,
            {{ loop.index }} as comparison_order,
            '{{ first }} - {{ second }}' as comparison,
            'lesion' as unit,
            '{{ timepoint }}' as timepoint,
            '{{ first }}' as first,
            '{{ second }}' as second,
            count(*) as n_units
        from lesions
        union all
    {% endfor %}
    select
        'reader' as kind,
        {{ test_pairs | length + 1 }} as comparison_order,
        modality || ': local - central' as comparison,
        'exam of a lesion' as unit,
        timepoint,
        'local' as first,
        'central' as second,
        count(*) as n_units
    from reader_pairs
    group by modality, timepoint
),

-- Patients are the clusters.
pair_clusters as (
    select
        comparison,
        timepoint,
        {% for name, first, second in [
            ('both_yes', 'visible', 'visible'), ('first_only', 'visible', 'not_visible'),
            ('second_only', 'not_visible', 'visible'), ('both_no', 'not_visible', 'not_visible'),
        ] %}
            count(
                case
                    when first_verdict = '{{ first }}' and second_verdict = '{{ second }}' then 1
                end
            ) as {{ name }}
            {%- if not loop.last %},{% endif %}
        {% endfor %}
    from comparisons
    group by comparison, timepoint, patient_id
),

pairs as (
    {{ clustered_pairs('pair_clusters', ['comparison', 'timepoint']) }}
),

verdict_pairs as (
    select
        units.kind,
        units.comparison_order,
        units.comparison,
        units.unit,
        units.timepoint,
        1 as stratum_order,
        'all' as stratum_value,
        units.first,
        units.second,
        coalesce(pairs.n_clusters, 0) as n_patients,
        coalesce(pairs.n_pairs, 0) as n_pairs,
        coalesce(pairs.both_yes, 0) as n_both_visible,
        coalesce(pairs.first_only, 0) as n_first_only,
        coalesce(pairs.second_only, 0) as n_second_only,
        coalesce(pairs.both_no, 0) as n_both_not_visible,
        units.n_units - coalesce(pairs.n_pairs, 0) as n_unpaired,
        pairs.agreement,
        pairs.kappa,
        pairs.kappa_std_err,
        coalesce(pairs.both_yes + pairs.first_only, 0) as first_numerator,
        coalesce(pairs.n_pairs, 0) as first_denominator,
        coalesce(pairs.both_yes + pairs.second_only, 0) as second_numerator,
        coalesce(pairs.n_pairs, 0) as second_denominator,
        pairs.difference,
        pairs.difference_std_err,
        pairs.obuchowski_chi2,
        pairs.durkalski_chi2
    from units
    left join pairs
        on units.comparison = pairs.comparison and units.timepoint = pairs.timepoint
),

---------- shares nonviable

strata as (
    select
        1 as stratum_order,
        'all' as stratum_value
    union all
    select
        2 as stratum_order,
        'resected' as stratum_value
    union all
    select
        3 as stratum_order,
        'left_in_place' as stratum_value
),

share_comparisons as (
    {% for first, second in share_pairs %}
        select
            {{ test_pairs | length + 1 + loop.index }} as comparison_order,
            '{{ first }}' as first,
            '{{ second }}' as second
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

share_clusters as (
    select
        share_comparisons.comparison_order,
        populations.stratum_value,
        sum(
            case
                when populations.population = share_comparisons.first
                    then populations.n_evaluable
                else 0
            end
        ) as first_m,
        sum(
            case
                when populations.population = share_comparisons.first
                    then populations.n_nonviable
                else 0
            end
        ) as first_x,
        sum(
            case
                when populations.population = share_comparisons.second
                    then populations.n_evaluable
                else 0
            end
        ) as second_m,
        sum(
            case
                when populations.population = share_comparisons.second
                    then populations.n_nonviable
                else 0
            end
        ) as second_x
    from share_comparisons
    inner join populations
        on populations.population in (share_comparisons.first, share_comparisons.second)
    group by
        share_comparisons.comparison_order, populations.stratum_value, populations.patient_id
),

differences as (
    {{ share_differences('share_clusters', ['comparison_order', 'stratum_value']) }}
),

compared_shares as (
    select
        'npv' as kind,
        share_comparisons.comparison_order,
        'NPV: ' || share_comparisons.first || ' - ' || share_comparisons.second as comparison,
        'lesion' as unit,
        case
            when share_comparisons.second = 'ct_mri_ceious' then 'preop and intraop' else 'preop'
        end as timepoint,
        strata.stratum_order,
        strata.stratum_value,
        share_comparisons.first,
        share_comparisons.second,
        coalesce(differences.n_clusters, 0) as n_patients,
        cast(null as bigint) as n_pairs,
        cast(null as bigint) as n_both_visible,
        cast(null as bigint) as n_first_only,
        cast(null as bigint) as n_second_only,
        cast(null as bigint) as n_both_not_visible,
        cast(null as bigint) as n_unpaired,
        cast(null as double) as agreement,
        cast(null as double) as kappa,
        cast(null as double) as kappa_std_err,
        coalesce(differences.first_k, 0) as first_numerator,
        coalesce(differences.first_n, 0) as first_denominator,
        coalesce(differences.second_k, 0) as second_numerator,
        coalesce(differences.second_n, 0) as second_denominator,
        differences.difference,
        differences.difference_std_err,
        cast(null as double) as obuchowski_chi2,
        cast(null as double) as durkalski_chi2
    from share_comparisons
    cross join strata
    left join differences
        on
            share_comparisons.comparison_order = differences.comparison_order
            and strata.stratum_value = differences.stratum_value
),

---------- intervals and tests

united as (
    select * from verdict_pairs
    union all
    select * from compared_shares
),

-- the linter does not know lambdas of two arguments, which folds are made of
-- noqa: disable=PRS
tested as (
    select
        *,
        {{ confidence_t('n_patients - 1') }} as t_patients,
        case when difference_std_err is not null
            then 2e0 * {{ t_upper_tail('abs(difference) / difference_std_err', 'n_patients - 1') }}
        end as difference_p_value
    from united
)
-- noqa: enable=PRS

select
    comparison,
    kind,
    unit,
    timepoint,
    stratum_value,
    first,
    second,
    cast(n_patients as bigint) as n_patients,

    ---------- paired verdicts
    cast(n_pairs as bigint) as n_pairs,
    cast(n_both_visible as bigint) as n_both_visible,
    cast(n_first_only as bigint) as n_first_only,
    cast(n_second_only as bigint) as n_second_only,
    cast(n_both_not_visible as bigint) as n_both_not_visible,
    cast(n_unpaired as bigint) as n_unpaired,
    agreement,

    ---------- beyond chance
    kappa,
    case when kappa_std_err is not null
        then greatest(kappa - t_patients * kappa_std_err, -1e0)
    end as kappa_lower,
    case when kappa_std_err is not null
        then least(kappa + t_patients * kappa_std_err, 1e0)
    end as kappa_upper,
    case
        when kind = 'npv' then 'no pairs: two shares of different lesions'
        when n_pairs = 0 then 'no pair'
        when kappa is null then 'one verdict only: all agreement is by chance'
        when n_patients < 2 then 'one patient only: how much patients differ is not known'
        when kappa_std_err is null
            then 'no patient differs from the others, so that the standard error would be 0'
    end as kappa_reason,

    ---------- difference of the shares: seen, or nonviable
    cast(first_numerator as bigint) as first_numerator,
    cast(first_denominator as bigint) as first_denominator,
    {{ proportion('first_numerator', 'first_denominator') }} as first_share,
    cast(second_numerator as bigint) as second_numerator,
    cast(second_denominator as bigint) as second_denominator,
    {{ proportion('second_numerator', 'second_denominator') }} as second_share,
    difference,
    case when difference_std_err is not null
        then greatest(difference - t_patients * difference_std_err, -1e0)
    end as difference_lower,
    case when difference_std_err is not null
        then least(difference + t_patients * difference_std_err, 1e0)
    end as difference_upper,
    difference_p_value,
    case
        when first_denominator = 0 or second_denominator = 0 then 'nothing to compare'
        when n_patients < 2 then 'one patient only: how much patients differ is not known'
        when difference_std_err is null
            then 'no patient differs from the others, so that the standard error would be 0'
    end as difference_reason,

    ---------- clustered McNemar tests
    obuchowski_chi2,
    case when obuchowski_chi2 is not null then {{ chi_square_upper_tail('obuchowski_chi2') }} end
        as obuchowski_p_value,
    durkalski_chi2,
    case when durkalski_chi2 is not null then {{ chi_square_upper_tail('durkalski_chi2') }} end
        as durkalski_p_value,
    case
        when kind = 'npv' then 'no pairs: two shares of different lesions'
        when n_pairs = 0 then 'no pair'
        when n_patients < 2 then 'one patient only: how much patients differ is not known'
        when obuchowski_chi2 is null then 'no patient has more pairs seen by one than by the other'
    end as mcnemar_reason,

    ---------- how
    case kind
        when 'npv'
            then 'difference second - first of two ratios, linearised over patients, t on K - 1 df'
        else
            'kappa and difference second - first: linearised over patients, t on K - 1 df; '
            || 'McNemar: Obuchowski 1998 (pairs weigh alike) and Durkalski 2003 (patients do), 1 df'
    end as method
from tested
order by comparison_order, comparison, timepoint, stratum_order
