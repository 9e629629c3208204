{% macro lesion_rules() -%}
    {{ return([]) }}
{%- endmacro %}
