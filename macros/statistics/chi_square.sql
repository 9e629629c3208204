{#-
    P(X > x) of the chi-square distribution with a whole number of degrees of freedom, from its finite sum
    (Abramowitz and Stegun 26.4.4-5), every term positive so that small tails keep their digits. df is a number
    or a SQL expression; the sum runs only where a degree of freedom above 2 is asked for. 1 at x <= 0; 0
    once exp(-x / 2) underflows, near x = 1400.
-#}
{% macro chi_square_upper_tail(x, df=1) -%}
    {%- if df is number and df == 1 -%}
        {{ erfc('sqrt(greatest(' ~ x ~ ', 0) / 2e0)') }}
    {%- else -%}
        {{ bind('chi_half_', 'greatest(' ~ x ~ ', 0) / 2e0', 'case'
            ~ ' when ' ~ df ~ ' < 1 then null'
            ~ ' when ' ~ df ~ ' % 2 = 0 then exp(-chi_half_) * ' ~ _chi_square_sum(df ~ ' / 2e0 - 1', '0e0')
            ~ ' when ' ~ df ~ ' = 1 then ' ~ erfc('sqrt(chi_half_)')
            ~ ' else ' ~ erfc('sqrt(chi_half_)')
            ~ ' + exp(-chi_half_) * sqrt(chi_half_) / (0.5e0 * sqrt(pi())) * '
            ~ _chi_square_sum('(' ~ df ~ ' - 3) / 2e0', '0.5e0')
            ~ ' end') }}
    {%- endif -%}
{%- endmacro %}

{#- 1 + h / (1 + s) * (1 + h / (2 + s) * (...)) to the given number of steps, h being half of chi-square. -#}
{% macro _chi_square_sum(steps, shift) -%}
    {{ fold(
        countdown(steps), '1e0', 'chi_sum_', 'chi_step_',
        '1e0 + chi_sum_ * chi_half_ / (chi_step_ + ' ~ shift ~ ')'
    ) }}
{%- endmacro %}
