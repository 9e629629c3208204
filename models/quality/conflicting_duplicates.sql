with

contested as (select * from {{ ref('int_contested_records') }}),

records as (
    {%- for form in form_names() %}
    {%- set form_loop = loop %}
    {%- for source in source_names() %}
    select
        source,
        '{{ form }}' as form,
        record_key,
        payload_hash,
        delivery_file,
        delivery_line
    from {{ ref('stg_' ~ source ~ '__' ~ form) }}
    {%- if not (form_loop.last and loop.last) %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- endfor %}
)

select
    records.source,
    records.form,
    records.record_key,
    records.payload_hash,
    records.payload_hash || records.source = contested.winner as is_kept,
    records.delivery_file,
    records.delivery_line
from contested
inner join records
    on
        contested.form = records.form
        and contested.record_key = records.record_key
