{#-
Each cell that says something and has no value: a word for missing, or what could not be read. A text
or id that was only cleaned is none.
-#}
with

-- A record that has every value has no such cell, however it was written.
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
    where
        cells_as_written is not null
        and not (
            {%- for column in form_columns(form) %}
            {{ 'and ' if not loop.first }}{{ canonical_name(column) }} is not null
            {%- endfor %}
        )
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
),

judged as (
    select
        *,
        {{ property_of_column('type') | indent(4) }} as column_type,
        {{ property_of_column('list') | indent(4) }} as list_name,
        {{ by_source('said', 'clean') | indent(4) }} is null as is_word_for_missing
    from cleaned
    where clean is not null
)

select
    source,
    form,
    column_name,
    column_type,
    list_name,
    patient_id,
    record_key,
    raw_text,
    clean,
    is_word_for_missing,
    delivery_file,
    delivery_line
from judged
where is_word_for_missing or column_type not in ('id', 'text', 'segments')
