{#-
What a record is known by: its natural key, and a digest of all it says. Both are made of its typed
cells, of `key_as_written` and of `unread_cells`. Staging keeps them beside the cells, but not for
reads: a registry has many millions, and few are ever asked for theirs.
-#}

{#- Forms whose records are kept without their keys. -#}
{% macro is_kept_without_keys(form) -%}
    {{ return(form == 'read') }}
{%- endmacro %}


{#- The table that has a form's records, typed. -#}
{% macro staged_model(source, form) -%}
    {{ return(ref(('base_' if is_kept_without_keys(form) else 'stg_') ~ source ~ '__' ~ form)) }}
{%- endmacro %}


{#- Columns of that table that keys come from. -#}
{% macro key_columns(form) -%}
    {{ return(
        ['unread_cells', 'key_as_written'] if is_kept_without_keys(form)
        else ['record_key', 'payload_hash']
    ) }}
{%- endmacro %}


{#- Key of a record of that table. -#}
{% macro staged_record_key(form, relation='') -%}
    {{ return(
        record_key(form, relation) if is_kept_without_keys(form) else relation ~ 'record_key'
    ) }}
{%- endmacro %}


{#- Digest of a record of that table; to be asked only of those that need it. -#}
{% macro staged_payload_hash(form, relation='') -%}
    {{ return(
        payload_hash(form, relation) if is_kept_without_keys(form) else relation ~ 'payload_hash'
    ) }}
{%- endmacro %}


{#- Staged records of a form from a model without their keys, with these beside. -#}
{% macro with_record_keys(form, model) -%}
select
    source,
    {%- for name in value_columns(form) %}
    {{ name }},
    {%- endfor %}
    {{ record_key(form) }} as record_key,
    cells_as_written,
    n_unreadable,
    n_unmapped,
    {{ payload_hash(form) }} as payload_hash,
    delivery_file,
    delivery_line
from {{ ref(model) }}
{%- endmacro %}


{#-
What tells one record of a form from another, as one text. A cell of the key without a value stands
as it was written, once clean.
-#}
{% macro record_key(form, relation='') -%}
    coalesce(
        {{ relation }}key_as_written,
        concat_ws(
            '|',
            {%- for name in form_key(form) %}
            {%- set column = form_columns(form) | selectattr('name', 'equalto', name) | first %}
            coalesce({{ value_text(column, relation=relation) }}, ''){{ ',' if not loop.last }}
            {%- endfor %}
        )
    )
{%- endmacro %}


{#-
Digest of all that a record says: its key, its values, and of cells without one what was written, once
clean. Records that differ only in how they write the same are copies of one another.
-#}
{% macro payload_hash(form, relation='') -%}
    md5(
        concat_ws(
            chr(31),
            {{ record_key(form, relation) | indent(8) }},
            {%- for column in form_columns(form) if column.name not in form_key(form) or column.type == 'date' %}
            coalesce({{ value_text(column, true, relation) | indent(12) }}, ''),
            {%- endfor %}
            {{ relation }}unread_cells
        )
    )
{%- endmacro %}

{#-
One value as text, the same on every engine: numbers by the millionth (as the engine writes them
where that is beyond 64 bits), part of a date by its bounds.
-#}
{% macro value_text(column, with_bounds=false, relation='') -%}
    {%- set name = relation ~ canonical_name(column) -%}
    {%- if column.type in ('decimal', 'size') -%}
    coalesce(
        cast(try_cast(round({{ name }} * 1000000) as bigint) as string), cast({{ name }} as string)
    )
    {%- elif column.type == 'integer' or column.type == 'date' and not with_bounds -%}
    cast({{ name }} as string)
    {%- elif column.type == 'date' -%}
    case
        when {{ name }}_precision = 'day' then cast({{ name }} as string)
        else cast({{ name }}_lower as string) || '/' || cast({{ name }}_upper as string)
    end
    {%- else -%}
    {{ name }}
    {%- endif -%}
{%- endmacro %}
