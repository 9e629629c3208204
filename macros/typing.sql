{#-
From a form's columns as text to typed columns, one source's habits removed. A cell that cannot be
read becomes null, with its text beside it, and is counted, so that quality.unreadable_values and
quality.unmapped_values find it; a declared missing code is null and not an error.
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
delivery_line) to `staged`: typed columns, lesion_id, record_key, cells as written where a value
does not say them, counts of cells that could not be read, payload_hash; exact duplicates folded,
and nothing else dropped.
-#}
{% macro typed(source, form) -%}
{%- set columns = form_columns(form) -%}
{%- set key = form_key(form) -%}
{%- set habits = source_habits(source) -%}
{%- set texts = columns | selectattr('type', 'in', ['id', 'text']) | list -%}
{%- set codes = columns | selectattr('type', 'equalto', 'code') | list -%}
{%- set dates = columns | selectattr('type', 'equalto', 'date') | list -%}
{%- set numbers = columns | selectattr('type', 'in', ['integer', 'decimal', 'size']) | list -%}
{%- set segments = columns | selectattr('type', 'equalto', 'segments') | list -%}
{%- set has_lesion = 'lesion_no' in columns | map(attribute='name') -%}
{% if codes -%}
{{ read_codes(columns, codes, key, source, habits) }}

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
cleaned as (
    select
        {%- for column in texts %}
        {{ clean_cell(column, column.name ~ '_text') | indent(4) }} as {{ column.name }}_clean,
        {%- endfor %}
        renamed.*
    from renamed
),

said_cells as (
    select
        {%- for column in texts %}
        {{ said(column.name ~ '_clean', habits, column.type == 'id') | indent(4) }} as {{ column.name }}_said,
        {%- endfor %}
        cleaned.*
    from cleaned
),

read_values as (
    select
        {%- for column in columns %}
        {{ typed_value(column) | indent(4) }}
        {%- if column.type in ('id', 'text') %}
        said_cells.{{ column.name }}_clean,
        {%- elif column.type == 'code' %}
        {%- if column.name in key %}
        read_codes.{{ column.name }}_key,
        {%- endif %}
        {%- elif column.type == 'segments' %}
        {{ column.name }}_read.clean as {{ column.name }}_clean,
        {%- else %}
        {%- set kind = 'day_' if column.type == 'date' else column.type ~ '_' %}
        {{ column.name }}_read.clean as {{ column.name }}_clean,
        {{ column.name }}_read.{{ kind }}unread as {{ column.name }}_unread,
        {%- if column.name in key %}
        {{ column.name }}_read.{{ kind }}key as {{ column.name }}_key,
        {%- endif %}
        {%- endif %}
        said_cells.{{ column.name }}_text,
        {%- endfor %}
        {%- if has_lesion %}
        said_cells.patient_id_said || lesion_no_read.lesion_tag as lesion_id,
        {%- endif %}
        {%- if codes %}
        {%- for run in runs_of_payload(columns) if run[0].type == 'code' %}
        read_codes.{{ run[0].name }}_payload,
        {%- endfor %}
        read_codes.n_unmapped,
        read_codes.unmapped_cells,
        {%- else %}
        cast(0 as integer) as n_unmapped,
        cast(null as string) as unmapped_cells,
        {%- endif %}
        cast(
            0
            {%- for column in dates + numbers %}
            + coalesce(
                {{ column.name }}_read.{{ 'day' if column.type == 'date' else column.type }}_unread, 0
            )
            {%- endfor %}
            as integer
        ) as n_unreadable,
        said_cells.delivery_file,
        said_cells.delivery_line
    from said_cells
    {{ lookups('said_cells', columns, columns | map(attribute='name') | list) | indent(4) }}
),

identified as (
    select
        read_values.*,
        concat_ws(
            '|',
            {%- for name in key %}
            {%- set is_text = name in texts | map(attribute='name') %}
            {{ 'coalesce(' ~ name ~ ', ' ~ name ~ "_clean, '')" if is_text
                else 'coalesce(' ~ name ~ "_key, '')" }}{{ ',' if not loop.last }}
            {%- endfor %}
        ) as record_key,
        md5(
            concat_ws(
                chr(31),
                {%- for run in runs_of_payload(columns) %}
                {{ run[0].name ~ '_payload' if run[0].type == 'code' else payload_text(run) }}
                {{- ',' if not loop.last }}
                {%- endfor %}
            )
        ) as payload_hash
    from read_values
),

-- Copies of one record agree once cleaned; the tie-break only settles whose text is shown.
{{ without_copies(form) }}

staged as (
    select
        '{{ source }}' as source,
        {%- for name in canonical_columns(form) %}
        {{ name }},
        {%- endfor %}
        {%- if has_lesion %}
        lesion_id,
        {%- endif %}
        record_key,
        {{ cells_as_written(columns) | indent(4) }} as cells_as_written,
        n_unreadable,
        n_unmapped,
        payload_hash,
        delivery_file,
        delivery_line
    from folded
)
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
Cells whose value does not say what was written: no value could be read, or a text or id was cleaned.
One text, `name=cell` parted by the sign for a unit separator (`as_written` finds a cell in it), for nearly all
records have none; raw has every cell.
-#}
{% macro cells_as_written(columns) -%}
    {%- set texts = columns | selectattr('type', 'in', ['id', 'text', 'segments']) | list -%}
    case
        when
            n_unreadable > 0
            or n_unmapped > 0
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
                        {{ column.name }}_unread = 1
                        {%- endif %}
                        then {{ name_and_cell(column) }}
                end,
                {%- endfor %}
                unmapped_cells
            )
    end
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


{#- Those cells as `cells_as_written` has them; null where every cell could be read. -#}
{% macro as_written_where_unread(columns) -%}
    nullif(
        concat_ws(
            '␟',
            {%- for column in columns %}
            case
                when {{ column.name }}_said is not null and {{ column.name }} is null
                    then {{ name_and_cell(column) }}
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
Columns of a form in order, those next to each other in one list that `read_codes` joins to one
text.
-#}
{% macro runs_of_payload(columns) -%}
    {%- set runs = [] -%}
    {%- for column in columns -%}
        {%- if runs and column.type == 'code' and runs[-1][-1].type == 'code' -%}
            {%- do runs[-1].append(column) -%}
        {%- else -%}
            {%- do runs.append([column]) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(runs) }}
{%- endmacro %}


{#- Clean cells as one text, as a payload hash is made from. -#}
{% macro payload_text(columns) -%}
    {%- if columns | length == 1 -%}
    coalesce({{ columns[0].name }}_clean, '')
    {%- else -%}
    concat_ws(
        chr(31),
        {%- for column in columns %}
        coalesce({{ column.name }}_clean, ''){{ ',' if not loop.last }}
        {%- endfor %}
    )
    {%- endif -%}
{%- endmacro %}


{#-
CTEs from `identified` to `folded`: of records with one payload, the first. A window over the whole
table would sort every column of every record. Where rows know their file and line, only those are
looked at whose key cells meet those of another, and what repeats is taken out by file and line.
-#}
{% macro without_copies(form) -%}
{%- set columns = form_columns(form) -%}
{%- set codes = columns | selectattr('type', 'equalto', 'code') | list -%}
{%- set dates = columns | selectattr('type', 'equalto', 'date') | list -%}
{%- if var('loaded_by_dlm') -%}
keyed as {{ read_anew() }}(
    select
        renamed.*,
        {{ short_hash(clean_key(form)) | indent(4) }} as key_hash
    from renamed
    {{ lookups('renamed', codes + dates, form_key(form)) | indent(4) }}
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

told_apart as (
    select
        delivery_file,
        delivery_line,
        row_number() over (
            partition by
                {%- for column in columns %}
                {{ clean_cell(column, column.name ~ '_text') | indent(8) }},
                {%- endfor %}
                key_hash
            order by delivery_file, delivery_line
        ) as copy_no
    from suspected
),

copies as (
    select
        delivery_file,
        delivery_line
    from told_apart
    where copy_no > 1
),

folded as (
    select identified.*
    from identified
    left join copies
        on
            identified.delivery_file = copies.delivery_file
            and identified.delivery_line = copies.delivery_line
    where copies.delivery_line is null
),
{%- else -%}
numbered as (
    select
        identified.*,
        row_number() over (
            partition by payload_hash
            order by
                delivery_file,
                delivery_line,
                concat_ws(
                    chr(31),
                    {%- for column in columns %}
                    coalesce({{ column.name }}_text, ''){{ ',' if not loop.last }}
                    {%- endfor %}
                )
        ) as copy_no
    from identified
),

folded as (
    select *
    from numbered
    where copy_no = 1
),
{%- endif -%}
{%- endmacro %}


{#- Cells of a record's key, from `renamed` and its lookups, in which copies agree, however they are written. -#}
{% macro clean_key(form) -%}
    {%- set cells = [] -%}
    {%- for column in form_columns(form) if column.name in form_key(form) -%}
        {%- if column.type == 'code' -%}
            {%- do cells.append('read_codes.' ~ column.name ~ '_key') -%}
        {%- elif column.type == 'date' -%}
            {%- do cells.append(column.name ~ '_read.day_key') -%}
        {%- else -%}
            {%- do cells.append(clean_cell(column, 'renamed.' ~ column.name ~ '_text')) -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(cells) }}
{%- endmacro %}
