{#- Each cell that its value does not say, of records that have one, and what its column holds. -#}
with

cells as (
    {%- set ns = namespace(first=true) %}
    {%- for source in source_names() %}
    {%- for form in form_names() %}
    {%- if not ns.first %}
    union all
    {%- endif %}
    {%- set ns.first = false %}
    select
        '{{ source }}' as source,
        '{{ form }}' as form,
        patient_id,
        record_key,
        {{ unnested_text('cells_as_written', '␟') }} as cell,
        delivery_file,
        delivery_line
    from {{ ref('stg_' ~ source ~ '__' ~ form) }}
    where cells_as_written is not null
    {%- endfor %}
    {%- endfor %}
),

parted as (
    select
        *,
        substr(cell, 1, instr(cell, '=') - 1) as column_name,
        substr(cell, instr(cell, '=') + 1) as raw_text
    from cells
),

cleaned as (
    select
        *,
        {{ clean_text('raw_text') | indent(4) }} as clean
    from parted
)

select
    source,
    form,
    column_name,
    {{ property_of_column('type') | indent(4) }} as column_type,
    {{ property_of_column('list') | indent(4) }} as list_name,
    patient_id,
    record_key,
    raw_text,
    clean,
    clean is not null and {{ by_source('said', 'clean') | indent(4) }} is null
        as is_word_for_missing,
    delivery_file,
    delivery_line
from cleaned
