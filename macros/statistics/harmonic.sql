{#-
    Sum of 1 / (y + j)^power over the whole numbers 0 <= j < n, for power 1 or 2 and y >= 1, to about 1e-14
    relative at the same cost for any n: the first ten terms as they are, the others by the Euler-Maclaurin formula
    between midpoints, whose corrections are B_2k(1/2) / (2k)! times odd derivatives.
-#}
{% macro harmonic_sum(y, n, power) -%}
    {%- set first = 10 -%}
    {%- set a = '(' ~ y ~ ' + ' ~ (first - 0.5) ~ 'e0)' -%}
    {%- set b = '(' ~ y ~ ' + ' ~ n ~ ' - 0.5e0)' -%}
    (
        {%- for j in range(first) %}
        {%- set term = '(' ~ y ~ ' + ' ~ j ~ 'e0)' %}
        {{ '+ ' if j }}case when {{ n }} > {{ j }} then 1e0 / {{ term if power == 1 else '(' ~ term ~ ' * ' ~ term ~ ')' }} else 0e0 end
        {%- endfor %}
        + case
            when {{ n }} > {{ first }}
                then {{ _harmonic_integral(a, b, '(' ~ n ~ ' - ' ~ first ~ ')', power) }}
                    + {{ _harmonic_corrections(a, power) }} - {{ _harmonic_corrections(b, power) }}
            else 0e0
        end
    )
{%- endmacro %}

{#-
    Integral of 1 / t^power from a to b = a + width; ln(b / a) by its series where they are near. Written without
    a lambda: DuckDB takes twice as long to plan for each that lies in another.
-#}
{% macro _harmonic_integral(a, b, width, power) -%}
    {%- if power == 2 -%}
    {{ width }} / ({{ a }} * {{ b }})
    {%- else -%}
    {%- set z = '(' ~ width ~ ' / (' ~ a ~ ' + ' ~ b ~ '))' -%}
    {%- set series = ['1e0 / 13', '1e0 / 11', '1e0 / 9', '1e0 / 7', '1e0 / 5', '1e0 / 3', '1e0'] -%}
    case
        when {{ z }} < 0.1 then 2 * {{ z }} * ({{ polynomial('power(' ~ z ~ ', 2)', series) }})
        else ln({{ b }} / {{ a }})
    end
    {%- endif -%}
{%- endmacro %}

{#- B_2k(1/2) / (2k) / t^2k for power 1, B_2k(1/2) / t^(2k + 1) for power 2, summed over k = 1 to 6. -#}
{% macro _harmonic_corrections(t, power) -%}
    {%- set halves = [
        '1414477e0 / 5591040', '-2555e0 / 33792', '127e0 / 3840', '-31e0 / 1344', '7e0 / 240', '-1e0 / 12'
    ] -%}
    {%- set coefficients = [] -%}
    {%- for half in halves -%}
        {%- do coefficients.append('(' ~ half ~ (')' if power == 2 else ' / ' ~ (14 - 2 * loop.index) ~ ')')) -%}
    {%- endfor -%}
    ({{ polynomial('power(' ~ t ~ ', -2)', coefficients) }}) * power({{ t }}, -{{ power + 1 if power == 2 else 2 }})
{%- endmacro %}
