{#- Columns that may not be null, in one scan each and one test; a failing row names the column. -#}
{% test never_null(model, columns) %}
{%- for column in columns %}
select
    '{{ column }}' as column_name,
    count(*) as n_rows
from {{ model }}
where {{ column }} is null
having count(*) > 0
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
{% endtest %}
