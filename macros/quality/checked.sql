{#- What the checked_<form> models have in common. -#}

{#-
CTEs of a checked model, up to `records`: every record of a form from every source with staging's
columns, and what all forms are asked: the site that answers for it, the day its file was received,
whether what it refers to is known, and which of its cells could not be read. Cells whose text as
written is evidence are named in `texts`.
-#}
{% macro checked_records(form, texts=()) -%}
{%- set columns = form_columns(form) -%}
{%- set ids = columns | selectattr('type', 'equalto', 'id') | map(attribute='name') | list -%}
{%- set free = columns | selectattr('type', 'in', ['id', 'text', 'segments']) | map(attribute='name') | list -%}
{%- set has_lesion = 'lesion_no' in columns | map(attribute='name') -%}
sites as (select site_id from {{ ref('ref_sites') }}),

registered as (
    select
        patient_id,
        min(site_id) as site_id
    from {{ ref('int_registrations') }}
    group by patient_id
),

files as (
    select
        source,
        file,
        max(site_id) as site_id,
        cast(max(received_at) as date) as received_date
    from {{ ref('load_files') }}
    group by source, file
),

contested as (
    select
        record_key,
        true as is_contested
    from {{ ref('int_contested_records') }}
    where form = '{{ form }}'
),

cell_faults as (
    select *
    from {{ ref('cell_faults') }}
    where form = '{{ form }}'
),

orphans as (
    select
        source,
        record_key,
        {%- for parent in ['site', 'patient', 'lesion', 'stage'] %}
        max(case when missing_parent = '{{ parent }}' then 1 else 0 end) = 1
            as lacks_{{ parent }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('orphan_records') }}
    where form = '{{ form }}'
    group by source, record_key
),

staged as (
    {%- for source in source_names() %}
    select
        source,
        {%- for name in canonical_columns(form) %}
        {{ name }},
        {%- endfor %}
        {{ 'lesion_id' if has_lesion else 'cast(null as string) as lesion_id' }},
        {%- for name in key_columns(form) %}
        {{ name }},
        {%- endfor %}
        {%- if is_kept_without_keys(form) %}
        {{ record_key(form) | indent(4) }} as record_key,
        {%- endif %}
        n_unreadable,
        {%- for name in texts %}
        {{ as_written(name) | indent(4) }} as {{ name }}_text,
        {%- endfor %}
        {%- for name, test in [('drifted_keys', ['patient_id']), ('formula_texts', free)] %}
        nullif(
            concat_ws(
                '; ',
                {%- for column in test %}
                {%- set written = 'coalesce(' ~ as_written(column) ~ ', ' ~ column ~ ')' %}
                case
                    when
                        {%- if name == 'drifted_keys' %}
                        {{ as_written(column) }} <> {{ column }}
                        {%- else %}
                        {{ written }} <> ''
                        and instr('=+-@＝＋－＠' || chr(9) || chr(10) || chr(13), left({{ written }}, 1)) > 0
                        {%- endif %}
                        then '{{ column }}=' || {{ written }}
                end{{ ',' if not loop.last }}
                {%- endfor %}
            ),
            ''
        ) as {{ name }},
        {%- endfor %}
        delivery_file,
        delivery_line
    from {{ staged_model(source, form) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

records as (
    select
        staged.*,
        '{{ form }}' as form,
        -- A record of nobody registered is answered for by the site its id or its file names.
        coalesce(
            registered_site.site_id, site_of_id.site_id, site_of_file.site_id, 'ALL'
        ) as {{ 'answering_site_id' if 'site_id' in ids else 'site_id' }},
        files.received_date,
        coalesce(contested.is_contested, false) as is_contested,
        {%- for parent in ['site', 'patient', 'lesion', 'stage'] %}
        coalesce(orphans.lacks_{{ parent }}, false) as lacks_{{ parent }},
        {%- endfor %}
        cell_faults.misformatted_dates,
        cell_faults.impossible_dates,
        cell_faults.misformatted_numbers,
        cell_faults.unmapped_codes
    from staged
    left join registered on staged.patient_id = registered.patient_id
    left join sites as registered_site on registered.site_id = registered_site.site_id
    left join sites as site_of_id on split_part(staged.patient_id, '-', 1) = site_of_id.site_id
    left join files
        on
            staged.source = files.source
            and staged.delivery_file = files.file
    left join sites as site_of_file on files.site_id = site_of_file.site_id
    left join contested on staged.record_key = contested.record_key
    left join cell_faults
        on
            staged.source = cell_faults.source
            and staged.record_key = cell_faults.record_key
            and staged.delivery_file is not distinct from cell_faults.delivery_file
            and staged.delivery_line is not distinct from cell_faults.delivery_line
    left join orphans
        on
            staged.source = orphans.source
            and staged.record_key = orphans.record_key
)
{%- endmacro %}


{#- Columns that every checked model has, from `records`. -#}
{% macro record_columns(form) -%}
    records.source,
    {{ 'records.answering_site_id as site_id' if form == 'registration' else 'records.site_id' }},
    records.patient_id,
    records.lesion_id,
    records.form,
    records.{{ 'key_as_written' if is_kept_without_keys(form) else 'record_key' }},
    -- Tells records of one key apart; of the others it would only take room.
    case
        when records.is_contested then {{ staged_payload_hash(form, 'records.') }}
        else ''
    end as payload_hash,
    records.delivery_file,
    records.delivery_line
{%- endmacro %}


{#- How a record was written, from `records`; `parents` are what it has to refer to. -#}
{% macro writing_columns(parents) -%}
    records.n_unreadable,
    records.is_contested,
    {%- for parent in parents %}
    records.lacks_{{ parent }},
    {%- endfor %}
    records.drifted_keys,
    records.formula_texts,
    records.misformatted_dates,
    records.impossible_dates,
    records.misformatted_numbers,
    records.unmapped_codes,
{%- endmacro %}


{#- Chosen columns of a form's records from every source. -#}
{% macro staged_records(form, columns) -%}
    {%- for source in source_names() %}
    select
        {%- for column in columns %}
        {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref('stg_' ~ source ~ '__' ~ form) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}


{#- A form's typed columns from `records`, those every checked model has aside. -#}
{% macro form_values(form) -%}
    {%- for name in canonical_columns(form) if name not in ('patient_id', 'site_id') %}
    records.{{ name }},
    {%- endfor %}
{%- endmacro %}


{#- Lesion a record key names, by its form; null where it names none. -#}
{% macro lesion_of_key(form, record_key) -%}
    case
        when {{ form }} in ('lesion', 'read', 'disposition', 'pathology')
            then {{ lesion_id(
                "split_part(" ~ record_key ~ ", '|', 1)",
                "try_cast(split_part(" ~ record_key ~ ", '|', 2) as integer)"
            ) }}
        when {{ form }} = 'followup'
            then {{ lesion_id(
                "split_part(" ~ record_key ~ ", '|', 1)",
                "try_cast(split_part(" ~ record_key ~ ", '|', 3) as integer)"
            ) }}
    end
{%- endmacro %}
