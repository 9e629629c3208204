with

contested as (select * from {{ ref('int_contested_records') }}),

told as (
    {%- for form in form_names() %}
    {%- set form_loop = loop %}
    {%- for source in source_names() %}
    select
        records.source,
        '{{ form }}' as form,
        contested.record_key,
        {{ staged_payload_hash(form, 'records.') | indent(4) }} as payload_hash,
        contested.winner,
        records.delivery_file,
        records.delivery_line
    from {{ staged_model(source, form) }} as records
    inner join contested
        on
            contested.form = '{{ form }}'
            and {{ staged_record_key(form, 'records.') | indent(8) }} = contested.record_key
    {%- if not (form_loop.last and loop.last) %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- endfor %}
)

select
    source,
    form,
    record_key,
    payload_hash,
    payload_hash || source = winner as is_kept,
    delivery_file,
    delivery_line
from told
