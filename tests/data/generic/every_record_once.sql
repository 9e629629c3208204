{#- A table of one form has a row for each record that was staged: no join of it drops or repeats one. -#}
{% test every_record_once(model, form) %}
with

staged as (
    {%- for source in source_names() %}
    select count(*) as n_records
    from {{ staged_model(source, form) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

expected as (select sum(n_records) as n_records from staged),

found as (select count(*) as n_rows from {{ model }})

select
    found.n_rows,
    expected.n_records
from found
cross join expected
where found.n_rows <> expected.n_records
{% endtest %}
