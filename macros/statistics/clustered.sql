{#-
    Proportions and comparisons when trials come in clusters (lesions in patients). Macros take sums over
    clusters: a cluster i has m_i trials, x_i of them successes, N = sum m, X = sum x, p = X / N, K clusters with m > 0.
    All are null where there is nothing to estimate from, never nan or infinite.
-#}

{#-
    What an aggregate over clusters needs for a share, its ANOVA ICC and its weighting by cluster: columns
    n_clusters, n, k, sum_m_squared, sum_x_squared_by_m, sum_share, sum_share_squared. `position` tells the
    clusters apart; clusters without a trial count for nothing.
-#}
{% macro cluster_sums(m, x, position) -%}
    cast(sum(case when {{ m }} > 0 then 1 else 0 end) as bigint) as n_clusters,
        cast(coalesce(sum({{ m }}), 0) as bigint) as n,
        cast(coalesce(sum({{ x }}), 0) as bigint) as k,
        sum(cast({{ m }} as double) * {{ m }}) as sum_m_squared,
        {{ ordered_sum(proportion(x ~ ' * ' ~ x, m), position) }} as sum_x_squared_by_m,
        {{ ordered_sum(proportion(x, m), position) }} as sum_share,
        {{ ordered_sum(
            '(' ~ proportion(x, m) ~ ') * (' ~ proportion(x, m) ~ ')', position
        ) }} as sum_share_squared
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
    more than N. A share that never varies has a design effect of 1. Null from one cluster.
-#}
{% macro korn_graubard_n(share, variance, n, n_clusters) -%}
    (case when {{ n_clusters }} > 1 then least(
        cast({{ n }} as double),
        coalesce({{ share }} * (1e0 - {{ share }}) / nullif({{ variance }}, 0), {{ n }})
            * power({{ confidence_t(n ~ ' - 1') }} / {{ confidence_t(n_clusters ~ ' - 1') }}, 2)
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
    (({{ n_clusters }} - 1e0) / nullif({{ n_clusters }}, 0) * {{ sum_difference }} * {{ sum_difference }}
        / nullif(cast({{ sum_squared_difference }} as double), 0))
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
