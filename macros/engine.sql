{#- What an engine is told beside the question, for its time and memory; no answer depends on it. -#}

{#- A short hash of some values, to find candidates by; it may meet by chance and differs by engine. -#}
{% macro short_hash(values) -%}
    {{ return(adapter.dispatch('short_hash')(values)) }}
{%- endmacro %}

{% macro default__short_hash(values) -%}
    hash({{ values | join(', ') }})
{%- endmacro %}

{% macro spark__short_hash(values) -%}
    xxhash64({{ values | join(', ') }})
{%- endmacro %}


{#-
What keeps an engine from writing down a CTE that several others read, where reading it again costs
less than a copy of it.
-#}
{% macro read_anew() -%}
    {{ return(adapter.dispatch('read_anew')()) }}
{%- endmacro %}

{% macro default__read_anew() -%}
    not materialized{{ ' ' }}
{%- endmacro %}

{% macro spark__read_anew() -%}
{%- endmacro %}


{#-
What has an engine write down a CTE that several others read, where to plan it anew for each takes
longer than to run it.
-#}
{% macro read_once() -%}
    {{ return(adapter.dispatch('read_once')()) }}
{%- endmacro %}

{% macro default__read_once() -%}
    materialized{{ ' ' }}
{%- endmacro %}

{% macro spark__read_once() -%}
{%- endmacro %}
