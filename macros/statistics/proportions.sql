{#- A share as a double; null where there is nothing to divide by. -#}
{% macro proportion(numerator, denominator) -%}
    cast({{ numerator }} as double) / nullif({{ denominator }}, 0)
{%- endmacro %}

{#-
    Wilson's score bound (JASA 1927;22:209-212) of a share observed on `n` trials, n whole or effective, at
    the quantile `z`; sign '-' gives the lower bound, '+' the upper one. Null where n is 0 or anything is null;
    exactly 0 and 1 at the ends, where rounding would leave a trace.
-#}
{% macro wilson_bound(share, n, z, sign) -%}
    {{ bind('wilson_p_', share, bind('wilson_n_', 'nullif(' ~ n ~ ', 0)', bind('wilson_z_', z,
        'case when wilson_p_ is null or wilson_n_ is null or wilson_z_ is null then null'
        ~ (' when wilson_p_ = 0 then 0e0' if sign == '-' else ' when wilson_p_ = 1 then 1e0')
        ~ ' else (wilson_p_ + wilson_z_ * wilson_z_ / (2e0 * wilson_n_) ' ~ sign
        ~ ' wilson_z_ * sqrt(wilson_p_ * (1e0 - wilson_p_) / wilson_n_'
        ~ ' + wilson_z_ * wilson_z_ / (4e0 * wilson_n_ * wilson_n_)))'
        ~ ' / (1e0 + wilson_z_ * wilson_z_ / wilson_n_) end'
    ))) }}
{%- endmacro %}

{#- Wilson's interval of k out of n independent trials at the project's confidence level. -#}
{% macro wilson_lower(k, n) -%}
    {{ wilson_bound(proportion(k, n), n, confidence_z(), '-') }}
{%- endmacro %}

{% macro wilson_upper(k, n) -%}
    {{ wilson_bound(proportion(k, n), n, confidence_z(), '+') }}
{%- endmacro %}

{#-
    Intraclass correlation of a yes/no outcome by the one-way ANOVA estimator (Ridout et al., Biometrics
    1999;55:137-148), from sums over clusters: n trials, k successes, n_clusters, sum of m^2 and sum of x^2 / m,
    where a cluster has m trials and x successes. Null where it cannot be estimated: fewer than two
    clusters, no cluster with two trials, or an outcome that never varies.
-#}
{% macro anova_icc(n, k, n_clusters, sum_m_squared, sum_x_squared_by_m) -%}
    {%- set between = '((' ~ sum_x_squared_by_m ~ ' - cast(' ~ k ~ ' as double) * ' ~ k ~ ' / nullif(' ~ n
        ~ ', 0)) / nullif(' ~ n_clusters ~ ' - 1, 0))' -%}
    {%- set within = '((' ~ k ~ ' - ' ~ sum_x_squared_by_m ~ ') / nullif(' ~ n ~ ' - ' ~ n_clusters
        ~ ', 0))' -%}
    {%- set typical_size = '((' ~ n ~ ' - cast(' ~ sum_m_squared ~ ' as double) / nullif(' ~ n
        ~ ', 0)) / nullif(' ~ n_clusters ~ ' - 1, 0))' -%}
    ({{ between }} - {{ within }})
    / nullif({{ between }} + ({{ typical_size }} - 1e0) * {{ within }}, 0)
{%- endmacro %}

{#-
    Design effect of n trials in clusters of unequal size, weighted as the pooled share weights them. A
    correlation that is negative or not estimable counts as none, as in Korn and Graubard's interval.
-#}
{% macro design_effect(n, sum_m_squared, icc) -%}
    (1e0 + (cast({{ sum_m_squared }} as double) / nullif({{ n }}, 0) - 1e0)
        * greatest(coalesce({{ icc }}, 0e0), 0e0))
{%- endmacro %}
