{#-
Only kept records: of conflicting duplicates the one that core uses. Made from staging, so that the
published warehouse knows where each record stands though staging itself is not published. Source
and form come first: they name the table of staging, and each is published by itself.
-#}
with

contested as (select * from {{ ref('int_contested_records') }}),

files as (select * from {{ ref('load_files') }}),

records as (
    {%- for form in form_names() %}
    {%- set form_loop = loop %}
    {%- for source in source_names() %}
    select
        '{{ source }}' as source,
        '{{ form }}' as form,
        patient_id,
        {%- if form_columns(form) | selectattr('name', 'equalto', 'lesion_no') | list %}
        lesion_id,
        {%- else %}
        cast(null as string) as lesion_id,
        {%- endif %}
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
    records.patient_id,
    records.lesion_id,
    records.record_key,
    records.payload_hash,
    cast(files.delivery_id as string) as delivery_id,
    records.delivery_file,
    records.delivery_line
from records
left join contested
    on records.form = contested.form and records.record_key = contested.record_key
left join files
    on records.source = files.source and records.delivery_file = files.file
where
    contested.record_key is null
    or records.payload_hash || records.source = contested.winner
