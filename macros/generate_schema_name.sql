{#- Schemas are named as the tables' users know them: core, marts, quality, not main_core. -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ (custom_schema_name or target.schema) | trim }}
{%- endmacro %}
