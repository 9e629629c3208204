{#- Coded cells that are neither blank, nor a declared missing code, nor in the code list. -#}
with
{%- for source in source_names() %}

{{ source }}_cells as (
    {%- set ns = namespace(first=true) %}
    {%- for form in form_names() %}
    {%- for column in form_columns(form) if column.type == 'code' %}
    {%- if not ns.first %}
    union all
    {%- endif %}
    {%- set ns.first = false %}
    select
        '{{ form }}' as form,
        '{{ column.name }}' as column_name,
        '{{ column.list }}' as list_name,
        record_key,
        {{ as_written(column.name) | indent(4) }} as raw_text,
        delivery_file,
        delivery_line
    from {{ ref('stg_' ~ source ~ '__' ~ form) }}
    where n_unmapped > 0 and {{ as_written(column.name) | indent(4) }} is not null
    {%- endfor %}
    {%- endfor %}
),

{{ source }}_cleaned as (
    select
        *,
        {{ clean_text('raw_text') | indent(4) }} as cleaned
    from {{ source }}_cells
),

{{ source }}_said as (
    select
        '{{ source }}' as source,
        form,
        column_name,
        list_name,
        record_key,
        raw_text,
        {{ said('cleaned', source_habits(source)) | indent(4) }} as source_value,
        delivery_file,
        delivery_line
    from {{ source }}_cleaned
),
{%- endfor %}

unmapped as (
    {%- for source in source_names() %}
    select * from {{ source }}_said
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select
    source,
    form,
    column_name,
    list_name,
    record_key,
    raw_text,
    source_value,
    delivery_file,
    delivery_line
from unmapped
where source_value is not null
