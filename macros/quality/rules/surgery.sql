{% macro surgery_rules() -%}
    {{ return([]) }}
{%- endmacro %}
