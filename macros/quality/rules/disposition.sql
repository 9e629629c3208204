{% macro disposition_rules() -%}
    {{ return([]) }}
{%- endmacro %}
