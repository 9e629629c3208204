-- Cells that say why there is no value, in the source's word for missing.
with

-- Each cell that its value does not say, of records that have one.
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

words as (
    select
        *,
        upper({{ clean_text('raw_text') | indent(4) }}) as word
    from parted
)

select
    source,
    form,
    column_name,
    patient_id,
    record_key,
    raw_text,
    {{ missing_reason('word') | indent(4) }} as missing_reason,
    delivery_file,
    delivery_line
from words
where
    {%- for source in source_names() %}
    {{ 'or ' if not loop.first }}(
        source = '{{ source }}'
        and word in ({{ text_list(source_habits(source).missing_codes) }})
    )
    {%- endfor %}
