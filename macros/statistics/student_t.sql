{#-
    P(T > t) of Student's t distribution, through the incomplete beta function; the tail keeps its relative
    accuracy (1e-9 for 1 to 10,000 degrees of freedom). t and df are numbers or SQL expressions; null where df is below
    1 or null.
-#}
{% macro t_upper_tail(t, df) -%}
    {{ bind('t_value_', t, bind('t_half_df_', 'case when ' ~ df ~ ' >= 1 then (' ~ df ~ ') / 2e0 end',
        'case when t_value_ < 0 then 1e0 else 0e0 end + case when t_value_ < 0 then -1e0 else 1e0 end * '
        ~ _t_upper_tail_positive('t_value_', 't_half_df_')
    )) }}
{%- endmacro %}

{#- P(T > |t|). -#}
{% macro _t_upper_tail_positive(t, half_df) -%}
    (0.5e0 * {{ incomplete_beta(
        '(2e0 * ' ~ half_df ~ ' / (2e0 * ' ~ half_df ~ ' + ' ~ t ~ ' * ' ~ t ~ '))',
        '(' ~ t ~ ' * ' ~ t ~ ' / (2e0 * ' ~ half_df ~ ' + ' ~ t ~ ' * ' ~ t ~ '))',
        half_df, '0.5e0'
    ) }})
{%- endmacro %}

{#-
    Student's t quantile of the lower-tail probability p (a number) for df >= 1 degrees of freedom (a number
    or a SQL expression); null where df is below 1 or null. In the tails, up to 0.05, it is that of the beta
    distribution: df / (df + T^2) has shapes df / 2 and 1 / 2. Nearer the middle Newton steps on ln P(T > t)
    as a function of ln t, from the normal quantile: that function is concave and falls, so the steps converge
    from anywhere. Above 10,000 degrees of freedom Fisher's expansion about the normal quantile
    (Abramowitz and Stegun 26.7.5). Relative error below 1e-10.
-#}
{% macro t_quantile(p, df) -%}
    {%- if p == 0.5 -%}
        case when {{ df }} >= 1 then 0e0 end
    {%- else -%}
        {%- set tail = [p, (1 - p) | round(15)] | min -%}
        (case
            when {{ df }} > 10000
                then {{ '-' if p < 0.5 }}{{ bind('t_z_', normal_quantile(1 - tail), _t_expansion('t_z_', '(' ~ df ~ ')')) }}
            when {{ df }} >= 1
                then {{ '-' if p < 0.5 }}
                {%- if tail <= 0.05 -%}
                sqrt(cast({{ df }} as double) * exp(-{{ beta_quantile_logit(2 * tail, '(' ~ df ~ ') / 2e0', '0.5e0') }}))
                {%- else -%}
                {{ bind('t_half_df_', '(' ~ df ~ ') / 2e0', fold(
                    countdown(6), normal_quantile(1 - tail), 't_now_', 't_step_',
                    bind('t_tail_', _t_upper_tail_positive('t_now_', 't_half_df_'),
                        't_now_ * exp((ln(t_tail_) - ln(cast(' ~ tail ~ ' as double))) * t_tail_ / '
                        ~ _t_times_density('t_now_', 't_half_df_') ~ ')')
                )) }}
                {%- endif %}
        end)
    {%- endif -%}
{%- endmacro %}

{#- Fisher's expansion of the t quantile in 1 / df, from the normal quantile z. -#}
{% macro _t_expansion(z, df) -%}
    {{ z }} * (1e0 + (
        ({{ z }} * {{ z }} + 1e0) / 4e0
        + ({{ polynomial('(' ~ z ~ ' * ' ~ z ~ ')', ['5e0', '16e0', '3e0']) }}) / (96e0 * {{ df }})
        + ({{ polynomial('(' ~ z ~ ' * ' ~ z ~ ')', ['3e0', '19e0', '17e0', '-15e0']) }})
            / (384e0 * {{ df }} * {{ df }})
    ) / {{ df }})
{%- endmacro %}

{#- t times the density at t, which is x^(df/2) * (1 - x)^(1/2) / B(df/2, 1/2) at x = df / (df + t^2). -#}
{% macro _t_times_density(t, half_df) -%}
    exp(
        {{ half_df }} * ln(2e0 * {{ half_df }} / (2e0 * {{ half_df }} + {{ t }} * {{ t }}))
        + 0.5e0 * ln({{ t }} * {{ t }} / (2e0 * {{ half_df }} + {{ t }} * {{ t }}))
        - {{ ln_beta(half_df, '0.5e0') }}
    )
{%- endmacro %}

{#- The t quantile that a two-sided interval of the project's confidence level takes. -#}
{% macro confidence_t(df) -%}
    {{ t_quantile((1 + var('confidence_level')) / 2, df) }}
{%- endmacro %}
