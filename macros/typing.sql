{#-
From a form's columns as text to typed columns, one source's habits removed. A cell that cannot be
read becomes null, with its text beside it, and is counted, so that quality.unreadable_values and
quality.unmapped_values find it; a declared missing code is null and not an error, and
quality.missing_values has its reason.
-#}

{#- File and line of a raw row, known only when the strict loader filled the raw tables. -#}
{% macro provenance() -%}
    {%- if var('loaded_by_dlm') -%}
    cast(_file as string) as delivery_file,
        cast(_line as bigint) as delivery_line
    {%- else -%}
    cast(null as string) as delivery_file,
        cast(null as bigint) as delivery_line
    {%- endif -%}
{%- endmacro %}


{#- Rows of one REDCap instrument: by its name when it repeats, else by its event without one. -#}
{% macro redcap_rows(instrument, event, repeating) -%}
    {%- if repeating -%}
    trim(redcap_repeat_instrument) = '{{ instrument }}'
    {%- else -%}
    trim(redcap_event_name) = '{{ event }}'
        and coalesce(trim(redcap_repeat_instrument), '') = ''
    {%- endif -%}
{%- endmacro %}


{#-
The CTEs of a staging model from `renamed` (every column as <name>_text, delivery_file,
delivery_line) to `staged`: typed columns, lesion_id, cells as written where a value does not say
them, counts of cells that could not be read, record_key, payload_hash; exact duplicates folded, and
nothing else dropped. A model that keeps no keys (`with_keys` false) leaves them to `with_record_keys`.
-#}
{% macro typed(source, form, with_keys=true) -%}
{%- set columns = form_columns(form) -%}
{%- set habits = source_habits(source) -%}
{%- set codes = columns | selectattr('type', 'equalto', 'code') | list -%}
{%- set dates = columns | selectattr('type', 'equalto', 'date') | list -%}
{%- set numbers = columns | selectattr('type', 'in', ['integer', 'decimal', 'size']) | list -%}
{%- set segments = columns | selectattr('type', 'equalto', 'segments') | list -%}
{% if codes -%}
{{ read_codes(codes, form_key(form), source, habits) }}

{% endif -%}
{% if numbers -%}
{{ read_numbers(numbers, habits) }}

{% endif -%}
{% if dates -%}
{{ read_dates(dates, habits) }}

{% endif -%}
{% if segments -%}
{{ read_segments(segments, habits) }}

{% endif -%}
{{ records_as_read('renamed', form, habits) }}

{{ without_copies(form, habits) }}

staged as (
    select
        '{{ source }}' as source,
        {%- for name in value_columns(form) %}
        {{ name }},
        {%- endfor %}
        {%- if with_keys %}
        {{ record_key(form) | indent(4) }} as record_key,
        {%- endif %}
        cells_as_written,
        n_unreadable,
        n_unmapped,
        {%- if with_keys %}
        {{ payload_hash(form) | indent(4) }} as payload_hash,
        {%- else %}
        unread_cells,
        key_as_written,
        {%- endif %}
        delivery_file,
        delivery_line
    from folded
)
{%- endmacro %}


{#- What a form's records say, in the order of staging: typed columns, and the lesion they name. -#}
{% macro value_columns(form) -%}
    {%- set names = canonical_columns(form) -%}
    {{ return(names + ['lesion_id'] if 'lesion_no' in names else names) }}
{%- endmacro %}


{#-
CTEs from a relation of cells as written to `<prefix>as_read`: every cell typed, the same as written
where a value does not say it, and of records with a cell that could not be read what these say, and
the key where one is of it.
-#}
{% macro records_as_read(relation, form, habits, prefix='') -%}
{%- set columns = form_columns(form) -%}
{%- set key = form_key(form) -%}
{%- set texts = columns | selectattr('type', 'in', ['id', 'text']) | list -%}
{%- set codes = columns | selectattr('type', 'equalto', 'code') | list -%}
{%- set numbers = columns | selectattr('type', 'in', ['integer', 'decimal', 'size', 'date']) | list -%}
{{ prefix }}cleaned as (
    select
        {%- for column in texts %}
        {{ clean_cell(column, column.name ~ '_text') | indent(4) }} as {{ column.name }}_clean,
        {%- endfor %}
        {{ relation }}.*
    from {{ relation }}
),

{{ prefix }}said_cells as (
    select
        {%- for column in texts %}
        {{ said(column.name ~ '_clean', habits, column.type == 'id') | indent(4) }} as {{ column.name }}_said,
        {%- endfor %}
        {{ prefix }}cleaned.*
    from {{ prefix }}cleaned
),

{{ prefix }}read_values as (
    select
        {%- for column in columns %}
        {{ typed_value(column) | indent(4) }}
        {%- if column in texts %}
        said_cells.{{ column.name }}_clean,
        {%- elif column in numbers %}
        {{ column.name }}_read.clean as {{ column.name }}_clean,
        {{ column.name }}_read.{{ 'day' if column.type == 'date' else column.type }}_unread as {{ column.name }}_unread,
        {%- elif column.type == 'code' and column.name in key %}
        read_codes.{{ column.name }}_clean,
        {%- endif %}
        said_cells.{{ column.name }}_text,
        {%- endfor %}
        {%- if 'lesion_no' in columns | map(attribute='name') %}
        said_cells.patient_id_said || lesion_no_read.lesion_tag as lesion_id,
        {%- endif %}
        {%- if codes %}
        read_codes.n_unmapped,
        read_codes.codes_as_written,
        read_codes.unread_codes,
        {%- else %}
        cast(0 as integer) as n_unmapped,
        cast(null as string) as codes_as_written,
        cast(null as string) as unread_codes,
        {%- endif %}
        cast(
            0
            {%- for column in numbers %}
            + coalesce(
                {{ column.name }}_read.{{ 'day' if column.type == 'date' else column.type }}_unread, 0
            )
            {%- endfor %}
            as integer
        ) as n_unreadable,
        said_cells.delivery_file,
        said_cells.delivery_line
    from {{ prefix }}said_cells as said_cells
    {{ lookups('said_cells', columns, columns | map(attribute='name') | list) | indent(4) }}
),

{{ prefix }}as_read as (
    select
        *,
        {{ cells_as_written(columns, numbers) | indent(4) }} as cells_as_written,
        {{ unread_cells(numbers) | indent(4) }} as unread_cells,
        {{ key_as_written(columns, key) | indent(4) }} as key_as_written
    from {{ prefix }}read_values
),
{%- endmacro %}


{#- Value columns of one form column. -#}
{% macro typed_value(column) -%}
    {%- if column.type in ('id', 'text') -%}
    {{ column.name }}_said as {{ column.name }},
    {%- elif column.type == 'date' -%}
    {{ column.name }}_read.day as {{ column.name }},
    {{ column.name }}_read.first_day as {{ column.name }}_lower,
    {{ column.name }}_read.last_day as {{ column.name }}_upper,
    {{ column.name }}_read.precision as {{ column.name }}_precision,
    {%- elif column.type == 'code' -%}
    read_codes.{{ column.name }},
    {%- else -%}
    {{ column.name }}_read.{{ column.type }}_value as {{ canonical_name(column) }},
    {%- endif -%}
{%- endmacro %}


{#-
Cells whose value does not say what was written: they are not blank and have no value, or a text or
id was cleaned. One text, `name=cell` parted by the sign for a unit separator (`as_written` finds a cell in it), for nearly all
records have none; raw has every cell.
-#}
{% macro cells_as_written(columns, numbers) -%}
    {%- set texts = columns | selectattr('type', 'in', ['id', 'text', 'segments']) | list -%}
    case
        when
            codes_as_written is not null
            {%- for column in numbers %}
            or ({{ column.name }}_clean is not null and {{ canonical_name(column) }} is null)
            {%- endfor %}
            {%- for column in texts %}
            or {{ column.name }}_text <> coalesce({{ column.name }}, '')
            {%- endfor %}
            then concat_ws(
                '␟',
                {%- for column in columns if column.type != 'code' %}
                case
                    when
                        {%- if column in texts %}
                        {{ column.name }}_text <> coalesce({{ column.name }}, '')
                        {%- else %}
                        {{ column.name }}_clean is not null and {{ canonical_name(column) }} is null
                        {%- endif %}
                        then {{ name_and_cell(column) }}
                end,
                {%- endfor %}
                codes_as_written
            )
    end
{%- endmacro %}

{#- What cells say that could not be read, once clean; null where all could. -#}
{% macro unread_cells(numbers) -%}
    case
        when n_unreadable > 0 or n_unmapped > 0
            then concat_ws(
                '␟',
                {%- for column in numbers %}
                case when {{ column.name }}_unread = 1 then '{{ column.name }}=' || {{ column.name }}_clean end,
                {%- endfor %}
                unread_codes
            )
    end
{%- endmacro %}

{#-
The record's key where a cell of it says something and has no value; null where each has one. An id
that is said to be missing (UNK) is one that is not there: such records are told apart by no more
than those that leave it blank.
-#}
{% macro key_as_written(columns, key) -%}
    {%- set cells = [] -%}
    {%- for name in key -%}
        {%- do cells.extend(columns | selectattr('name', 'equalto', name) | list) -%}
    {%- endfor -%}
    {%- set readable = cells | rejectattr('type', 'equalto', 'id') | list -%}
    {%- if readable -%}
    case
        when
            {%- for column in readable %}
            {{ 'or ' if not loop.first }}{{ column.name }} is null and {{ column.name }}_clean is not null
            {%- endfor %}
            then concat_ws(
                '|',
                {%- for column in cells %}
                coalesce({{ value_text(column) }}{{ ', ' ~ column.name ~ '_clean' if column in readable }}, ''){{ ',' if not loop.last }}
                {%- endfor %}
            )
    end
    {%- else -%}
    cast(null as string)
    {%- endif -%}
{%- endmacro %}

{#- A cell as the source wrote it, from `cells_as_written`; null where its value says it. -#}
{% macro as_written(column) -%}
    nullif(regexp_extract(cells_as_written, '(^|␟){{ column }}=([^␟]*)', 2), '')
{%- endmacro %}


{#- Number of cells that say something and have no value. -#}
{% macro n_unread(columns) -%}
    {%- for column in columns %}
    {{ '+ ' if not loop.first }}case
        when {{ column.name }}_said is not null and {{ column.name }} is null then 1
        else 0
    end
    {%- endfor %}
{%- endmacro %}


{#-
Coded cells without a value: all as written, or clean those that are no declared missing code; null
where there is none.
-#}
{% macro codes_without_value(columns, clean=false) -%}
    nullif(
        concat_ws(
            '␟',
            {%- for column in columns %}
            case
                when {{ column.name }}_{{ 'said' if clean else 'clean' }} is not null and {{ column.name }} is null
                    then {{ "'" ~ column.name ~ "=' || " ~ column.name ~ '_clean' if clean else name_and_cell(column) }}
            end{{ ',' if not loop.last }}
            {%- endfor %}
        ),
        ''
    )
{%- endmacro %}


{#- `name=cell`, the cell as written. -#}
{% macro name_and_cell(column) -%}
    '{{ column.name }}=' || replace({{ column.name }}_text, '␟', ' ')
{%- endmacro %}


{#-
CTEs from `as_read` to `folded`: of records with one payload, the first; the tie-break only settles
whose text is shown.
-#}
{% macro without_copies(form, habits) -%}
    {{ return(adapter.dispatch('without_copies')(form, habits)) }}
{%- endmacro %}

{#- DuckDB would sort every column of every record for a window over them. -#}
{% macro default__without_copies(form, habits) -%}
    {%- if var('loaded_by_dlm') -%}
    {{ without_copies_of_suspects(form, habits) }}
    {%- else -%}
    {{ without_copies_by_window(form) }}
    {%- endif -%}
{%- endmacro %}

{#- Spark would plan the reading of suspects for longer than it takes to shuffle all records. -#}
{% macro spark__without_copies(form, habits) -%}
    {{ without_copies_by_window(form) }}
{%- endmacro %}

{#-
Where rows know their file and line: only those are looked at whose key cells meet those of another,
and what repeats is taken out by file and line.
-#}
{% macro without_copies_of_suspects(form, habits) -%}
keyed as {{ read_anew() }}(
    select
        renamed.*,
        {{ short_hash(clean_key(form, habits)) | indent(4) }} as key_hash
    from renamed
    {{ lookups('renamed', form_columns(form), form_key(form)) | indent(4) }}
),

suspected_keys as (
    select key_hash
    from keyed
    group by key_hash
    having count(*) > 1
),

suspected as (
    select keyed.*
    from keyed
    inner join suspected_keys on keyed.key_hash = suspected_keys.key_hash
),

{{ records_as_read('suspected', form, habits, 'suspected_') }}

told_apart as (
    select
        delivery_file,
        delivery_line,
        row_number() over (
            partition by {{ payload_hash(form) | indent(4) }}
            order by delivery_file, delivery_line
        ) as copy_no
    from suspected_as_read
),

copies as (
    select
        delivery_file,
        delivery_line
    from told_apart
    where copy_no > 1
),

folded as (
    select as_read.*
    from as_read
    left join copies
        on
            as_read.delivery_file = copies.delivery_file
            and as_read.delivery_line = copies.delivery_line
    where copies.delivery_line is null
),
{%- endmacro %}

{% macro without_copies_by_window(form) -%}
numbered as (
    select
        *,
        row_number() over (
            partition by {{ payload_hash(form) | indent(4) }}
            order by
                delivery_file,
                delivery_line,
                concat_ws(
                    chr(31),
                    {%- for column in form_columns(form) %}
                    coalesce({{ column.name }}_text, ''){{ ',' if not loop.last }}
                    {%- endfor %}
                )
        ) as copy_no
    from as_read
),

folded as (
    select *
    from numbered
    where copy_no = 1
),
{%- endmacro %}


{#- Cells of a record's key, from `renamed` and its lookups, in which copies agree, however they are written. -#}
{% macro clean_key(form, habits) -%}
    {%- set cells = [] -%}
    {%- for column in form_columns(form) if column.name in form_key(form) -%}
        {%- if column.type == 'code' -%}
            {%- do cells.append('read_codes.' ~ column.name ~ '_key') -%}
        {%- elif column.type == 'date' -%}
            {%- do cells.append(column.name ~ '_read.day_key') -%}
        {%- elif column.type == 'integer' -%}
            {%- do cells.append(column.name ~ '_read.integer_key') -%}
        {%- else -%}
            {%- set clean = clean_cell(column, 'renamed.' ~ column.name ~ '_text') -%}
            {%- do cells.append(said(clean, habits, column.type == 'id')) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(cells) }}
{%- endmacro %}
