{% macro outcome_rules() -%}
    {{ return([]) }}
{%- endmacro %}
