{#-
The grain of a table: these columns together name one row. Nulls count as a value. Keys are counted
by a short hash first, for a registry's keys as text would fill the memory.
-#}
{% test unique_key(model, columns) %}
{%- set key_hash = short_hash(columns) -%}
with

repeated as (
    select {{ key_hash }} as key_hash
    from {{ model }}
    group by {{ key_hash }}
    having count(*) > 1
)

select
    {{ columns | join(', ') }},
    count(*) as n_rows
from {{ model }}
where {{ key_hash }} in (select key_hash from repeated)
group by {{ columns | join(', ') }}
having count(*) > 1
{% endtest %}
