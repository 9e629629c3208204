-- Nothing is dropped between a file and its raw table: the ledger adds up, and raw holds what it
-- says.
{% set tables = {'eortc': [], 'jcog': [], 'us': ['us__redcap']} -%}
{%- for source in ['eortc', 'jcog'] -%}
    {%- for form in form_names() -%}
        {%- do tables[source].append(source ~ '__' ~ form) -%}
    {%- endfor -%}
{%- endfor %}
with

accounting as (select * from {{ ref('row_accounting') }}),

raw_counts as (
    {%- for source, names in tables.items() %}
    select
        {%- for name in names %}
        {%- if var('loaded_by_dlm') %}
        (select count(*) from {{ ref(name) }})
        {%- else %}
        (select count(*) from (select distinct * from {{ ref(name) }}) as records)
        {%- endif %}
        {{- ' +' if not loop.last }}
        {%- endfor %} as n_raw,
        '{{ source }}' as source
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

ledger as (
    select
        source,
        sum(loaded) as n_loaded
    from accounting
    group by source
)

select
    source,
    file,
    records_in as expected,
    loaded + quarantined + exact_duplicates as found
from accounting
where records_in <> loaded + quarantined + exact_duplicates
union all
select
    raw_counts.source,
    null as file,
    ledger.n_loaded as expected,
    raw_counts.n_raw as found
from raw_counts
left join ledger on raw_counts.source = ledger.source
where raw_counts.n_raw <> coalesce(ledger.n_loaded, 0)
