-- One row per population, stratum, stratum value and method: the other intervals, weightings, tests
-- and bounds of the share nonviable beside the default of modality_concordance.
{%- set threshold = var('npv_threshold') %}
{%- set z = confidence_z() %}
{#-
    A method is a form of interval or test, and what the form is given where that is not the row's own share and
    count: analysis (of int_concordance_sums), share, effective size, variance, quantile, side of a test. It may
    need `clusters`, two patients, or `spread`, a share that differs between patients.
-#}
{%- set methods = {
    'clustered_wilson': {
        'form': 'wilson', 'size': 'n_effective', 'quantile': 't_clusters',
        'design_effect': 'design_effect', 'needs': ['clusters'],
    },
    'naive_wilson': {'form': 'wilson', 'quantile': z},
    'clopper_pearson': {'form': 'exact'},
    'korn_graubard': {
        'form': 'exact', 'size': 'n_korn_graubard', 'design_effect': 'rao_scott_effect',
        'needs': ['clusters'],
    },
    'logit_t': {
        'form': 'logit', 'variance': 'variance', 'quantile': 't_clusters',
        'design_effect': 'rao_scott_effect', 'needs': ['clusters', 'spread'],
    },
    'rao_scott': {
        'form': 'wilson', 'size': 'n / nullif(rao_scott_effect, 0)', 'quantile': z,
        'design_effect': 'rao_scott_effect', 'needs': ['clusters', 'spread'],
    },
    'bootstrap': {'form': 'bootstrap', 'needs': ['clusters', 'spread', 'draws']},
    'one_lesion_per_patient': {
        'form': 'logit', 'share': 'patient_share', 'variance': 'patient_share_variance',
        'quantile': 't_clusters', 'needs': ['clusters', 'spread'],
    },
    'per_patient_wilson': {'form': 'wilson', 'quantile': z, 'analysis': 'patient_evaluable'},
    'per_patient_clopper_pearson': {'form': 'exact', 'analysis': 'patient_evaluable'},
    'per_patient_all_lesions': {
        'form': 'wilson', 'quantile': z, 'analysis': 'patient_all_lesions',
    },
    'exact_test_above': {'form': 'exact_test', 'side': 'above'},
    'exact_test_below': {'form': 'exact_test', 'side': 'below'},
    'clustered_test_above': {
        'form': 'score_test', 'side': 'above', 'size': 'n_effective',
        'design_effect': 'design_effect', 'needs': ['clusters'],
    },
    'clustered_test_below': {
        'form': 'score_test', 'side': 'below', 'size': 'n_effective',
        'design_effect': 'design_effect', 'needs': ['clusters'],
    },
} %}
{#-
    Either extreme of a bound has the default interval: what lies outside is ruled out, whatever is unknown.
-#}
{%- set extremes = [
    ('bounds_all_unknown', 'lowest', 'all_unknown_lowest'),
    ('bounds_all_unknown', 'highest', 'all_unknown_highest'),
    ('bounds_known_truth', 'lowest', 'known_truth_lowest'),
    ('bounds_known_truth', 'highest', 'known_truth_highest'),
] %}
{%- set nobody = {
    'evaluable': 'no evaluable lesion',
    'patient_evaluable': 'no patient with an evaluable lesion',
    'patient_all_lesions': 'no patient of whom it is known',
} %}
{%- set reasons = {
    'clusters': ('n_clusters < 2', 'one patient only: how much patients differ is not known'),
    'spread': (
        'variance = 0',
        'every patient has the same share, so that its standard error would be 0',
    ),
    'draws': (
        'n_clusters > ' ~ var('bootstrap_most_patients'),
        'not drawn for more than ' ~ var('bootstrap_most_patients')
            ~ ' patients, where the percentiles agree with logit_t',
    ),
} %}
with

sums as (
    select * from {{ ref('int_concordance_sums') }}
),

bootstrap as (
    select * from {{ ref('int_concordance_bootstrap') }}
),

methods as (
    select * from {{ ref('ref_accuracy_methods') }}
),

prepared as (
    select
        sums.*,
        bootstrap.lower_bound as bootstrap_lower,
        bootstrap.upper_bound as bootstrap_upper
    from sums
    left join bootstrap
        on
            sums.population = bootstrap.population
            and sums.stratum = bootstrap.stratum
            and sums.stratum_value = bootstrap.stratum_value
),

requested as (
    {% for method, given in methods.items() %}
        select
            *,
            '{{ method }}' as method,
            '{{ given.form }}' as form,
            cast(null as string) as extreme,
            {{ "'" ~ given.side ~ "'" if given.side else 'cast(null as string)' }} as side,
            {{ given.get('share', 'share') }} as estimate,
            cast({{ given.get('size', 'n') }} as double) as size,
            cast({{ given.get('variance', 'null') }} as double) as estimate_variance,
            cast({{ given.get('quantile', 'null') }} as double) as quantile,
            cast({{ given.get('design_effect', 'null') }} as double) as effect,
            case
                when n = 0 then '{{ nobody[given.get('analysis', 'evaluable')] }}'
                {% for need in given.get('needs', []) %}
                    when {{ reasons[need][0] }} then '{{ reasons[need][1] }}'
                {% endfor %}
            end as reason
        from prepared
        where analysis = '{{ given.get('analysis', 'evaluable') }}'
        union all
    {% endfor %}
    {% for method, extreme, analysis in extremes %}
        select
            *,
            '{{ method }}' as method,
            'wilson' as form,
            '{{ extreme }}' as extreme,
            cast(null as string) as side,
            share as estimate,
            n_effective as size,
            cast(null as double) as estimate_variance,
            t_clusters as quantile,
            cast(null as double) as effect,
            case when n = 0 then 'no lesion' end as reason
        from prepared
        where analysis = '{{ analysis }}'
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

with_statistics as (
    select
        *,
        size * estimate as successes,
        case form
            when 'exact_test' then cast(k as double)
            when 'score_test' then {{ score_statistic('estimate', threshold, 'size') }}
        end as test_statistic,
        case form when 'score_test' then n_clusters - 1 end as df
    from requested
),

-- the linter does not know lambdas of two arguments, which folds are made of
-- noqa: disable=PRS
computed as (
    select
        *,
        case form
            when 'wilson' then {{ wilson_bound('estimate', 'size', 'quantile', '-') }}
            when 'exact' then {{ clopper_pearson_lower('successes', 'size') }}
            when 'logit'
                then {{ logit_bound('estimate', 'estimate_variance', 'quantile', '-') }}
            when 'bootstrap' then bootstrap_lower
        end as lower_bound,
        case form
            when 'wilson' then {{ wilson_bound('estimate', 'size', 'quantile', '+') }}
            when 'exact' then {{ clopper_pearson_upper('successes', 'size') }}
            when 'logit'
                then {{ logit_bound('estimate', 'estimate_variance', 'quantile', '+') }}
            when 'bootstrap' then bootstrap_upper
        end as upper_bound,
        case
            when reason is not null then null
            when form = 'exact_test' and side = 'above'
                then {{ binomial_upper_tail('k', 'n', threshold) }}
            when form = 'exact_test' then {{ binomial_lower_tail('k', 'n', threshold) }}
            when form = 'score_test'
                then {{ t_upper_tail(
                    "(case side when 'above' then test_statistic else -test_statistic end)", 'df'
                ) }}
        end as p_value
    from with_statistics
),
-- noqa: enable=PRS

-- A bound is two rows until here, the lowest with the shares of both from now on.
with_extremes as (
    select
        *,
        {% for column in ['share', 'upper_bound', 'k'] %}
            max(case when extreme = 'highest' then {{ column }} end)
                over (partition by population, stratum, stratum_value, method)
                as highest_{{ column }}
            {%- if not loop.last %},{% endif %}
        {% endfor %}
    from computed
),

estimates as (
    select
        population_order,
        population,
        stratum_order,
        stratum,
        stratum_value,
        method,
        n_clusters as n_patients,
        k as numerator,
        case when extreme = 'lowest' then highest_k end as numerator_upper,
        n as denominator,
        case when extreme is null then estimate end as estimate,
        case when extreme = 'lowest' then share else lower_bound end as lower_bound,
        case when extreme = 'lowest' then highest_share else upper_bound end as upper_bound,
        case when extreme = 'lowest' then lower_bound end as outer_lower,
        case when extreme = 'lowest' then highest_upper_bound end as outer_upper,
        case side
            when 'above' then 'H0: NPV <= {{ threshold }}; H1: NPV > {{ threshold }} (one-sided)'
            when 'below' then 'H0: NPV >= {{ threshold }}; H1: NPV < {{ threshold }} (one-sided)'
        end as hypotheses,
        test_statistic,
        cast(df as double) as df,
        p_value,
        effect as design_effect,
        case when effect is not null and form <> 'logit' then size end as n_effective,
        reason
    from with_extremes
    where coalesce(extreme, 'lowest') = 'lowest'
)

select
    estimates.population,
    estimates.stratum,
    estimates.stratum_value,
    cast(estimates.method as string) as method,
    cast(methods.kind as string) as kind,
    cast(methods.unit as string) as unit,

    ---------- counts
    estimates.n_patients,
    estimates.numerator,
    estimates.numerator_upper,
    estimates.denominator,

    ---------- share nonviable
    estimates.estimate,
    case when estimates.reason is null then estimates.lower_bound end as lower_bound,
    case when estimates.reason is null then estimates.upper_bound end as upper_bound,
    estimates.outer_lower,
    estimates.outer_upper,

    ---------- test against the threshold
    cast(estimates.hypotheses as string) as hypotheses,
    case when estimates.reason is null then estimates.test_statistic end as test_statistic,
    case when estimates.reason is null then estimates.df end as df,
    estimates.p_value,

    ---------- clustering
    case when estimates.reason is null then estimates.design_effect end as design_effect,
    case when estimates.reason is null then estimates.n_effective end as n_effective,

    ---------- how, or why not
    case when estimates.reason is null then 'estimated' else 'not estimable' end as status,
    cast(estimates.reason as string) as reason,
    cast(methods.title_en as string) as title,
    cast(methods.formula as string) as formula,
    cast(methods.reference as string) as reference
from estimates
inner join methods
    on estimates.method = methods.method
order by
    estimates.population_order,
    estimates.stratum_order,
    estimates.stratum_value,
    methods.method_order
