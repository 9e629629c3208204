{#-
    Proportions and comparisons when trials come in clusters (lesions in patients). Macros take sums over
    clusters: a cluster i has m_i trials, x_i of them successes, N = sum m, X = sum x, p = X / N, K clusters with m > 0.
    All are null where there is nothing to estimate from, never nan or infinite.

    The first three expand to one query each, to be put in a CTE; `by` lists the columns that name a share or a
    comparison (none of them null). Clusters of like counts are one term with their number as weight, so that a
    registry of millions of patients is summed over some hundred terms.
-#}

{#- Clusters of like counts as one row with their number, n_alike; those without a trial (`condition`) left out. -#}
{% macro alike_clusters(clusters, by, counts, condition) -%}
    select
        {{ (by + counts) | join(', ') }},
        count(*) as n_alike
    from {{ clusters }}
    where {{ condition }}
    group by {{ (by + counts) | join(', ') }}
{%- endmacro %}

{#-
    Shares with all that their intervals and tests take, from one row per share and cluster with `m` trials and
    `x` successes; clusters without a trial count for nothing. Columns: by, n_clusters, n, k, share; variance
    (linearised), icc (ANOVA), design_effect and n_effective (by the ICC), rao_scott_effect (by the variance),
    n_korn_graubard, t_clusters (quantile on K - 1 degrees of freedom); cluster_mean and its variance, in
    which clusters weigh alike.
-#}
{% macro clustered_shares(clusters, by) -%}
    {%- set key = by | join(', ') -%}
    with alike as (
        {{ alike_clusters(clusters, by, ['m', 'x'], 'm > 0') | indent(4) }}
    ),

    counted as (
        select
            *,
            sum(n_alike * m) over (partition by {{ key }}) as total_m,
            sum(n_alike * x) over (partition by {{ key }}) as total_x
        from alike
    ),

    with_residuals as (
        select
            *,
            {{ proportion('x', 'm') }} as cluster_share,
            {{ cluster_residual('x', 'm', 'total_x', 'total_m') }} as residual
        from counted
    ),

    sums as (
        select
            {{ key }},
            cast(sum(n_alike) as bigint) as n_clusters,
            cast(sum(n_alike * m) as bigint) as n,
            cast(sum(n_alike * x) as bigint) as k,
            sum(cast(m as double) * m * n_alike) as sum_m_squared,
            {{ ordered_sum('cluster_share * x * n_alike', ['m', 'x']) }} as sum_x_squared_by_m,
            {{ ordered_sum('cluster_share * n_alike', ['m', 'x']) }} as sum_share,
            {{ ordered_sum('cluster_share * cluster_share * n_alike', ['m', 'x']) }} as sum_share_squared,
            {{ ordered_sum('residual * residual * n_alike', ['m', 'x']) }} as sum_squared_residuals
        from with_residuals
        group by {{ key }}
    ),

    shares as (
        select
            *,
            {{ proportion('k', 'n') }} as share,
            {{ linearised_variance('sum_squared_residuals', 'n', 'n_clusters') }} as variance,
            {{ anova_icc('n', 'k', 'n_clusters', 'sum_m_squared', 'sum_x_squared_by_m') }} as icc,
            {{ confidence_t('n_clusters - 1') }} as t_clusters
        from sums
    )

    select
        {{ key }},
        n_clusters,
        n,
        k,
        share,
        variance,
        icc,
        {{ design_effect('n', 'sum_m_squared', 'icc') }} as design_effect,
        n / {{ design_effect('n', 'sum_m_squared', 'icc') }} as n_effective,
        {{ rao_scott_design_effect('share', 'variance', 'n') }} as rao_scott_effect,
        {{ korn_graubard_n('share', 'variance', 'n', 't_clusters') }} as n_korn_graubard,
        t_clusters,
        sum_share / n_clusters as cluster_mean,
        case when n_clusters > 1 then
            greatest(sum_share_squared - sum_share * sum_share / n_clusters, 0e0)
            / (n_clusters - 1) / n_clusters
        end as cluster_mean_variance
    from shares
{%- endmacro %}

{#-
    Paired verdicts, from one row per comparison and cluster with counts both_yes, first_only, second_only and
    both_no; clusters without a pair count for nothing. Columns: by, n_clusters, n_pairs and the four counts;
    agreement; kappa and kappa_std_err; first_share and second_share of yes; difference (second less first) and
    difference_std_err; obuchowski_chi2 and durkalski_chi2. Standard errors are linearised over clusters, null from
    one of them and where no cluster differs from the others.
-#}
{% macro clustered_pairs(clusters, by) -%}
    {%- set key = by | join(', ') -%}
    {%- set counts = ['both_yes', 'first_only', 'second_only', 'both_no'] -%}
    {%- set m = counts | join(' + ') -%}
    with alike as (
        {{ alike_clusters(clusters, by, counts, m ~ ' > 0') | indent(4) }}
    ),

    pairs as (
        select
            *,
            {{ m }} as m
        from alike
    ),

    with_totals as (
        select
            *,
            {{ proportion('first_only - second_only', 'm') }} as share_difference,
            {% for count in counts + ['m'] %}
                sum(n_alike * {{ count }}) over (partition by {{ key }}) as n_{{ count }}
                {%- if not loop.last %},{% endif %}
            {% endfor %}
        from pairs
    ),

    with_shares as (
        select
            *,
            {{ proportion('n_both_yes + n_both_no', 'n_m') }} as agreement,
            {{ proportion('n_both_yes + n_first_only', 'n_m') }} as first_share,
            {{ proportion('n_both_yes + n_second_only', 'n_m') }} as second_share
        from with_totals
    ),

    with_chance as (
        select
            *,
            first_share * second_share + (1e0 - first_share) * (1e0 - second_share) as by_chance
        from with_shares
    ),

    with_influences as (
        select
            *,
            {{ kappa_influence(
                'm', '(both_yes + both_no)', '(both_yes + first_only)', '(both_yes + second_only)',
                'n_m', 'agreement', 'by_chance', 'first_share', 'second_share',
            ) }} as influence_on_kappa,
            {{ cluster_residual(
                '(second_only - first_only)', 'm', '(n_second_only - n_first_only)', 'n_m'
            ) }} / (cast(n_m as double) * n_m) as influence_on_difference
        from with_chance
    ),

    sums as (
        select
            {{ key }},
            cast(sum(n_alike) as bigint) as n_clusters,
            cast(sum(n_alike * m) as bigint) as n_pairs,
            cast(sum(n_alike * both_yes) as bigint) as both_yes,
            cast(sum(n_alike * first_only) as bigint) as first_only,
            cast(sum(n_alike * second_only) as bigint) as second_only,
            cast(sum(n_alike * both_no) as bigint) as both_no,
            sum(cast(first_only - second_only as double) * (first_only - second_only) * n_alike)
                as difference_squares,
            {{ ordered_sum('share_difference * n_alike', counts) }} as share_differences,
            {{ ordered_sum('share_difference * share_difference * n_alike', counts) }}
                as share_difference_squares,
            {{ ordered_sum('influence_on_kappa * influence_on_kappa * n_alike', counts) }} as kappa_squares,
            {{ ordered_sum('influence_on_difference * influence_on_difference * n_alike', counts) }}
                as influence_squares
        from with_influences
        group by {{ key }}
    )

    select
        {{ key }},
        n_clusters,
        n_pairs,
        both_yes,
        first_only,
        second_only,
        both_no,
        {{ proportion('both_yes + both_no', 'n_pairs') }} as agreement,
        {{ cohen_kappa('both_yes', 'first_only', 'second_only', 'both_no') }} as kappa,
        {{ cluster_std_err('kappa_squares', 'n_clusters') }} as kappa_std_err,
        {{ proportion('both_yes + first_only', 'n_pairs') }} as first_share,
        {{ proportion('both_yes + second_only', 'n_pairs') }} as second_share,
        {{ proportion('second_only - first_only', 'n_pairs') }} as difference,
        {{ cluster_std_err('influence_squares', 'n_clusters') }} as difference_std_err,
        {{ obuchowski_chi2('first_only - second_only', 'difference_squares', 'n_clusters') }}
            as obuchowski_chi2,
        case when n_clusters > 1 then
            {{ durkalski_chi2('share_differences', 'share_difference_squares') }}
        end as durkalski_chi2
    from sums
{%- endmacro %}

{#-
    Two shares whose clusters may be the same and whose trials may too (one share within the other), from one row
    per comparison and cluster with first_m, first_x, second_m, second_x. Columns: by, n_clusters (with a trial in
    either), first_n, first_k, second_n, second_k, difference (second less first) and difference_std_err: the
    difference of two ratios linearised over clusters, which moves with a cluster as either ratio does.
-#}
{% macro share_differences(clusters, by) -%}
    {%- set key = by | join(', ') -%}
    {%- set counts = ['first_m', 'first_x', 'second_m', 'second_x'] -%}
    with alike as (
        {{ alike_clusters(clusters, by, counts, 'first_m > 0 or second_m > 0') | indent(4) }}
    ),

    with_totals as (
        select
            *,
            {% for count in counts %}
                sum(n_alike * {{ count }}) over (partition by {{ key }}) as total_{{ count }}
                {%- if not loop.last %},{% endif %}
            {% endfor %}
        from alike
    ),

    with_influences as (
        select
            *,
            {{ cluster_residual('second_x', 'second_m', 'total_second_x', 'total_second_m') }}
            / nullif(cast(total_second_m as double) * total_second_m, 0)
            - {{ cluster_residual('first_x', 'first_m', 'total_first_x', 'total_first_m') }}
            / nullif(cast(total_first_m as double) * total_first_m, 0) as influence
        from with_totals
    ),

    sums as (
        select
            {{ key }},
            cast(sum(n_alike) as bigint) as n_clusters,
            cast(sum(n_alike * first_m) as bigint) as first_n,
            cast(sum(n_alike * first_x) as bigint) as first_k,
            cast(sum(n_alike * second_m) as bigint) as second_n,
            cast(sum(n_alike * second_x) as bigint) as second_k,
            {{ ordered_sum('influence * influence * n_alike', counts) }} as influence_squares
        from with_influences
        group by {{ key }}
    )

    select
        {{ key }},
        n_clusters,
        first_n,
        first_k,
        second_n,
        second_k,
        {{ proportion('second_k', 'second_n') }} - {{ proportion('first_k', 'first_n') }} as difference,
        {{ cluster_std_err('influence_squares', 'n_clusters') }} as difference_std_err
    from sums
{%- endmacro %}

{#-
    Standard error from squared influences of K clusters; null from one, and where nothing is left of them but
    rounding, for then no cluster differs from the others.
-#}
{% macro cluster_std_err(squares, n_clusters) -%}
    (case when {{ n_clusters }} > 1 and {{ squares }} > 1e-20
        then sqrt(cast({{ n_clusters }} as double) / ({{ n_clusters }} - 1) * {{ squares }})
    end)
{%- endmacro %}

{#-
    Residual of a cluster times N, N x - X m: whole, so that clusters which all have the same share have residuals of
    exactly 0. Doubles hold it exactly up to 9e15.
-#}
{% macro cluster_residual(x, m, k, n) -%}
    (cast({{ n }} as double) * {{ x }} - cast({{ k }} as double) * {{ m }})
{%- endmacro %}

{#-
    Variance of a pooled share (a ratio of sums) by Taylor linearisation over K clusters,
    K / (K - 1) * sum (x - p m)^2 / N^2, from the sum of squared whole residuals (`cluster_residual`). Cochran,
    Sampling Techniques, 3rd ed., 6.3; as R's survey package. Null from one cluster.
-#}
{% macro linearised_variance(sum_squared_residuals, n, n_clusters) -%}
    (cast({{ n_clusters }} as double) / nullif({{ n_clusters }} - 1, 0) * {{ sum_squared_residuals }}
        / nullif(cast({{ n }} as double) * {{ n }} * {{ n }} * {{ n }}, 0))
{%- endmacro %}

{#-
    Design effect of Rao and Scott (Biometrics 1992;48:577-585): the linearised variance over that of independent
    trials. Null where the share is 0 or 1.
-#}
{% macro rao_scott_design_effect(share, variance, n) -%}
    ({{ variance }} * {{ n }} / nullif({{ share }} * (1e0 - {{ share }}), 0))
{%- endmacro %}

{#- Bounds of Clopper and Pearson (Biometrika 1934;26:404-413); k and n may be effective, not whole, counts. -#}
{% macro clopper_pearson_lower(k, n) -%}
    case
        when {{ n }} > 0 and {{ k }} <= 0 then 0e0
        when {{ n }} > 0 then {{ beta_quantile((1 - var('confidence_level')) / 2, k, n ~ ' - ' ~ k ~ ' + 1e0') }}
    end
{%- endmacro %}

{% macro clopper_pearson_upper(k, n) -%}
    case
        when {{ n }} > 0 and {{ k }} >= {{ n }} then 1e0
        when {{ n }} > 0
            then 1e0 - {{ beta_quantile((1 - var('confidence_level')) / 2, n ~ ' - ' ~ k, k ~ ' + 1e0') }}
    end
{%- endmacro %}

{#-
    Effective number of trials in the interval of Korn and Graubard (Survey Methodology 1998;24:193-201): N over the
    design effect, times the squared ratio of the t quantiles on N - 1 and K - 1 degrees of freedom, and never
    more than N. A share that never varies has a design effect of 1. Null where the quantile on K - 1 is, from one
    cluster.
-#}
{% macro korn_graubard_n(share, variance, n, t_clusters) -%}
    (case when {{ t_clusters }} is not null then least(
        cast({{ n }} as double),
        coalesce({{ share }} * (1e0 - {{ share }}) / nullif({{ variance }}, 0), {{ n }})
            * power({{ confidence_t(n ~ ' - 1') }} / {{ t_clusters }}, 2)
    ) end)
{%- endmacro %}

{#-
    Bound of a share on the logit scale with standard error se of the share and quantile t; sign '-' or '+'. Null where
    the share is 0 or 1, which have no logit.
-#}
{% macro logit_bound(share, variance, t, sign) -%}
    (case when {{ share }} > 0 and {{ share }} < 1 then 1e0 / (1e0 + exp(
        -(ln({{ share }} / (1e0 - {{ share }})) {{ sign }} {{ t }} * sqrt({{ variance }})
            / ({{ share }} * (1e0 - {{ share }})))
    )) end)
{%- endmacro %}

{#- P(X >= k) for X binomial of n trials with probability p0, a number within (0, 1). -#}
{% macro binomial_upper_tail(k, n, p0) -%}
    (case
        when {{ k }} <= 0 then 1e0
        else {{ bind('binomial_a_', k, bind('binomial_b_', n ~ ' - ' ~ k ~ ' + 1e0',
            incomplete_beta('cast(' ~ p0 ~ ' as double)', 'cast(' ~ (1 - p0) | round(12) ~ ' as double)',
                'binomial_a_', 'binomial_b_'))) }}
    end)
{%- endmacro %}

{#- P(X <= k): the failures have the upper tail. -#}
{% macro binomial_lower_tail(k, n, p0) -%}
    {{ binomial_upper_tail('(' ~ n ~ ' - ' ~ k ~ ')', n, (1 - p0) | round(12)) }}
{%- endmacro %}

{#-
    Score statistic of a share against p0 (a number) on the effective number of trials: the test that the Wilson
    interval on that number inverts. Referred to t on K - 1 degrees of freedom where the interval is.
-#}
{% macro score_statistic(share, p0, n_effective) -%}
    (({{ share }} - {{ p0 }}e0) / sqrt({{ p0 }}e0 * (1e0 - {{ p0 }}e0) / nullif({{ n_effective }}, 0)))
{%- endmacro %}

{#-
    Chi-square (1 df) that paired verdicts of clusters have equal shares, from sums over clusters of the difference
    d = (first only) - (second only). Durkalski et al. (Stat Med 2003;22:2417-2428) take d / m, each cluster's
    share, so that clusters weigh alike; Obuchowski (Stat Med 1998;17:1495-1507), with K - 1 over K, takes d as it is, so
    that trials weigh alike. Null where no cluster is discordant.
-#}
{% macro durkalski_chi2(sum_share_difference, sum_squared_share_difference) -%}
    ({{ sum_share_difference }} * {{ sum_share_difference }} / nullif({{ sum_squared_share_difference }}, 0))
{%- endmacro %}

{% macro obuchowski_chi2(sum_difference, sum_squared_difference, n_clusters) -%}
    (case when {{ n_clusters }} > 1 then ({{ n_clusters }} - 1e0) / {{ n_clusters }}
        * ({{ sum_difference }}) * ({{ sum_difference }}) / nullif({{ sum_squared_difference }}, 0)
    end)
{%- endmacro %}

{#-
    Influence of a cluster on Cohen's kappa, whose square sums to the linearised variance: the derivative of
    (po - pe) / (1 - pe) along the cluster's counts, po being the share that agrees, first and second the
    shares of yes. Null where kappa is.
-#}
{% macro kappa_influence(m, agree, first_yes, second_yes, n, po, pe, first_share, second_share) -%}
    ((({{ agree }} - {{ po }} * {{ m }}) * (1e0 - {{ pe }})
        - (1e0 - {{ po }}) * (
            (2e0 * {{ second_share }} - 1e0) * ({{ first_yes }} - {{ first_share }} * {{ m }})
            + (2e0 * {{ first_share }} - 1e0) * ({{ second_yes }} - {{ second_share }} * {{ m }})
        )) / nullif({{ n }} * (1e0 - {{ pe }}) * (1e0 - {{ pe }}), 0))
{%- endmacro %}
