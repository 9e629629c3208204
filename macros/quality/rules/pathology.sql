{% macro pathology_rules() -%}
    {{ return([]) }}
{%- endmacro %}
