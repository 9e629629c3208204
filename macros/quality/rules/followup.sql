{% macro followup_rules() -%}
    {{ return([]) }}
{%- endmacro %}
