{#-
    Quantile of the rows of a group by R's type 7 (linear between order statistics), TRIAL rule 8. Nulls
    are left out. The cast comes first: DuckDB interpolates a decimal to the places it has.
-#}
{% macro quantile_type7(expression, share) -%}
    percentile_cont({{ share }}) within group (order by cast({{ expression }} as double))
{%- endmacro %}
