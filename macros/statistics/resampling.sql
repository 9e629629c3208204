{#-
    Seeded resampling in SQL: numbers that look random and are the same in every build and on every engine, since
    they are digests of what they are drawn for.
-#}

{#- A number of [0, 1) from a text, with 32 bits: the first eight hexadecimal digits of its MD5. -#}
{% macro uniform_draw(text) -%}
    {{ adapter.dispatch('uniform_draw', 'dlm')(text) }}
{%- endmacro %}

{% macro duckdb__uniform_draw(text) -%}
    (cast('0x' || substr(md5({{ text }}), 1, 8) as bigint) / 4294967296e0)
{%- endmacro %}

{% macro spark__uniform_draw(text) -%}
    (cast(conv(substr(md5({{ text }}), 1, 8), 16, 10) as bigint) / 4294967296e0)
{%- endmacro %}

{#- Relation of the integers from 1 to `count` (a number), in one column. -#}
{% macro whole_numbers(count, name) -%}
    {{ adapter.dispatch('whole_numbers', 'dlm')(count, name) }}
{%- endmacro %}

{% macro duckdb__whole_numbers(count, name) -%}
    (select unnest(range(1, {{ count }} + 1)) as {{ name }})
{%- endmacro %}

{% macro spark__whole_numbers(count, name) -%}
    (select explode(sequence(cast(1 as bigint), cast({{ count }} as bigint))) as {{ name }})
{%- endmacro %}
