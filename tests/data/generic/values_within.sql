{#-
Values that columns may hold besides null, in one test; a failing row names the column and value.
-#}
{% test values_within(model, values) %}
{%- for column, allowed in values.items() %}
select
    '{{ column }}' as column_name,
    {{ column }} as found,
    count(*) as n_rows
from {{ model }}
where {{ column }} not in ({{ text_list(allowed) }})
group by {{ column }}
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
{% endtest %}
