{#-
    Quantile of the rows of a group by R's type 7 (linear between order statistics), TRIAL rule 8. Nulls
    are left out. The cast comes first: DuckDB interpolates a decimal to the places it has.
-#}
{% macro quantile_type7(expression, share) -%}
    percentile_cont({{ share }}) within group (order by cast({{ expression }} as double))
{%- endmacro %}

{#-
    The same quantile of a group whose rows are values with their number: `n_up_to` counts the values up to and with
    a row's (null for a null), `n` all that are known and is a grouping column. Aggregate.
-#}
{% macro quantile_type7_of_counts(value, n_up_to, n, share) -%}
    {%- set place = '(' ~ share ~ ' * (' ~ n ~ ' - 1))' -%}
    {%- set below = 'min(case when ' ~ n_up_to ~ ' > floor(' ~ place ~ ') then ' ~ value ~ ' end)' -%}
    {%- set above = 'min(case when ' ~ n_up_to ~ ' > floor(' ~ place ~ ') + 1 then ' ~ value ~ ' end)' -%}
    ({{ below }} + coalesce({{ above }} - {{ below }}, 0e0) * cast({{ place }} - floor({{ place }}) as double))
{%- endmacro %}
