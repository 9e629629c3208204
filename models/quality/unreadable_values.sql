{#- Cells that are neither blank nor a declared missing code and still have no typed value. -#}
with
{%- for source in source_names() %}
{%- set habits = source_habits(source) %}

{{ source }}_cells as (
    {%- set ns = namespace(first=true) %}
    {%- for form in form_names() %}
    {%- for column in form_columns(form) if column.type in ['integer', 'decimal', 'size', 'date'] %}
    {%- if not ns.first %}
    union all
    {%- endif %}
    {%- set ns.first = false %}
    select
        '{{ source }}' as source,
        '{{ form }}' as form,
        '{{ column.name }}' as column_name,
        '{{ column.type }}' as column_type,
        patient_id,
        record_key,
        {{ as_written(column.name) | indent(4) }} as raw_text,
        delivery_file,
        delivery_line
    from {{ ref('stg_' ~ source ~ '__' ~ form) }}
    where n_unreadable > 0 and {{ as_written(column.name) | indent(4) }} is not null
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
        *,
        {{ said('cleaned', habits) | indent(4) }} as said
    from {{ source }}_cleaned
),

{{ source }}_slashed as (
    select
        *,
        {{ slashed_date('said', habits) | indent(4) }} as slashed
    from {{ source }}_said
    where said is not null
),

{{ source }}_dated as (
    select
        *,
        {% if habits.eras -%}
        {{ iso_date('(' ~ western_date('slashed') ~ ')', habits.date_order) | indent(4) }} as iso
        {%- else -%}
        {{ iso_date('slashed', habits.date_order) | indent(4) }} as iso
        {%- endif %}
    from {{ source }}_slashed
),

{{ source }}_reasoned as (
    select
        *,
        case
            when column_type = 'integer' then 'not_a_whole_number'
            when column_type in ('decimal', 'size') then 'not_a_number'
            when iso is null then 'not_in_declared_date_format'
            {%- if habits.eras %}
            when {{ date_within_era('slashed', 'iso') }} is null then 'not_in_its_era'
            {%- endif %}
            else 'not_in_calendar'
        end as reason
    from {{ source }}_dated
),
{%- endfor %}

reasoned as (
    {%- for source in source_names() %}
    select
        source,
        form,
        column_name,
        patient_id,
        record_key,
        raw_text,
        reason,
        delivery_file,
        delivery_line
    from {{ source }}_reasoned
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select
    source,
    form,
    column_name,
    patient_id,
    record_key,
    raw_text,
    reason,
    delivery_file,
    delivery_line
from reasoned
