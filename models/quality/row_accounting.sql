{#- The strict loader keeps its own ledger; with plain dbt the seeds' rows are counted here. -#}
{%- set raw_tables = [] -%}
{%- for source in ['eortc', 'jcog'] -%}
    {%- for form in form_names() -%}
        {%- do raw_tables.append((source, form, source ~ '__' ~ form)) -%}
    {%- endfor -%}
{%- endfor -%}
{%- do raw_tables.append(('us', none, 'us__redcap')) -%}
with
{% if var('loaded_by_dlm') %}
load_files as (select * from {{ ref('load_files') }}),

accounted as (
    select
        source,
        site_id,
        form,
        file,
        records_in,
        loaded,
        quarantined,
        exact_duplicates
    from load_files
)
{% else %}
counted as (
    {%- for source, form, table in raw_tables %}
    select
        '{{ source }}' as source,
        cast(null as string) as site_id,
        {{ "'" ~ form ~ "'" if form else 'cast(null as string)' }} as form,
        'seeds/{{ source }}/{{ table }}.csv' as file,
        count(*) as records_in,
        (select count(*) from (select distinct * from {{ ref(table) }}) as records) as loaded
    from {{ ref(table) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

accounted as (
    select
        source,
        site_id,
        form,
        file,
        records_in,
        loaded,
        0 as quarantined,
        records_in - loaded as exact_duplicates
    from counted
)
{% endif %}
select
    cast(source as string) as source,
    cast(site_id as string) as site_id,
    cast(form as string) as form,
    cast(file as string) as file,
    cast(records_in as bigint) as records_in,
    cast(loaded as bigint) as loaded,
    cast(quarantined as bigint) as quarantined,
    cast(exact_duplicates as bigint) as exact_duplicates
from accounted
