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


{#- Number of clean text; null unless it is a plain number with the source's decimal mark. -#}
{% macro to_number(text, decimal_mark) -%}
    {%- set mark = '[' ~ decimal_mark ~ ']' -%}
    case
        when {{ matches(text, '^[-+]?[0-9]+(' ~ mark ~ '[0-9]+)?$') }}
            then try_cast(replace({{ text }}, '{{ decimal_mark }}', '.') as double)
    end
{%- endmacro %}

{#- Whole number of clean text. -#}
{% macro to_integer(text) -%}
    case when {{ matches(text, '^[-+]?[0-9]+$') }} then try_cast({{ text }} as integer) end
{%- endmacro %}

{#- Length in mm; rounded to the nanometre so that 0.57 cm is 5.7 mm and nothing beside it. -#}
{% macro to_mm(text, habits) -%}
    {%- if habits.mm_per_size_unit == 1 -%}
    {{ to_number(text, habits.decimal_mark) }}
    {%- else -%}
    round({{ to_number(text, habits.decimal_mark) }} * {{ habits.mm_per_size_unit }}, 6)
    {%- endif -%}
{%- endmacro %}


{#- ISO text of a date in the notations that a source declares. -#}
{% macro iso_as_declared(text, habits) -%}
    {%- if habits.excel_serials -%}
    coalesce({{ iso_date(text, habits.date_order) }}, {{ iso_of_serial(text) }})
    {%- else -%}
    {{ iso_date(text, habits.date_order) }}
    {%- endif -%}
{%- endmacro %}


{#- Clean text of a cell, null when blank or a declared missing code. -#}
{% macro said(text, habits) -%}
    case
        when upper({{ text }}) in ({{ text_list(habits.missing_codes) }}) then null
        else {{ text }}
    end
{%- endmacro %}


{#- Clean text of a column by its type, from the text as written. -#}
{% macro clean_cell(column, text) -%}
    {{ return(clean_id(text) if column.type == 'id' else clean_text(text)) }}
{%- endmacro %}


{#- Value columns of one form column. -#}
{% macro typed_value(column) -%}
    {%- if column.name in ('segment', 'segments_removed') -%}
    {{ clean_segments(column.name ~ '_said') }} as {{ column.name }},
    {%- elif column.type in ('id', 'text') -%}
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
CTE `read_codes`: each combination of coded cells that a form has once, with what they say. A form
has few, so that code lists are looked up for these and not for every record.
-#}
{% macro read_codes(codes, source, habits) -%}
code_lists as (
    select
        list_name,
        source_value,
        code
    from {{ ref('ref_codelists') }}
    where source = '{{ source }}'
),

-- A condition that always holds: groups are then expected to be few, which files without statistics
-- do not tell, and the join to them keeps these in memory and not the records.
coded_texts as (
    select
        {%- for column in codes %}
        {{ column.name }}_text{{ ',' if not loop.last }}
        {%- endfor %}
    from renamed
    group by
        {%- for column in codes %}
        {{ column.name }}_text{{ ',' if not loop.last }}
        {%- endfor %}
    having count(*) > 0
),

clean_codes as (
    select
        {%- for column in codes %}
        {{ column.name }}_text,
        {{ clean_text(column.name ~ '_text') | indent(4) }} as {{ column.name }}_clean
        {{- ',' if not loop.last }}
        {%- endfor %}
    from coded_texts
),

read_codes as {{ read_once() }}(
    select
        {%- for column in codes %}
        clean_codes.{{ column.name }}_text,
        clean_codes.{{ column.name }}_clean,
        {{ said('clean_codes.' ~ column.name ~ '_clean', habits) | indent(4) }}
            as {{ column.name }}_said,
        {%- if column.list == 'verdict' %}
        coalesce(
            {{ column.name }}_code.code,
            case
                when
                    upper(clean_codes.{{ column.name }}_clean)
                    in ({{ text_list(habits.not_done_codes) }})
                    then 'not_done'
            end
        ) as {{ column.name }}
        {%- else %}
        {{ column.name }}_code.code as {{ column.name }}
        {%- endif %}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from clean_codes
    {%- for column in codes %}
    left join code_lists as {{ column.name }}_code
        on
            clean_codes.{{ column.name }}_clean = {{ column.name }}_code.source_value
            and {{ column.name }}_code.list_name = '{{ column.list }}'
    {%- endfor %}
),
{%- endmacro %}


{#- Joins from records to what some of their columns say: coded cells, dates and numbers. -#}
{% macro lookups(records, columns, wanted) -%}
    {%- set codes = columns | selectattr('type', 'equalto', 'code') | list -%}
    {%- if codes | selectattr('name', 'in', wanted) | list %}
    left join read_codes
        on
            {%- for column in codes %}
            {{ 'and ' if not loop.first }}{{ records }}.{{ column.name }}_text
            is not distinct from read_codes.{{ column.name }}_text
            {%- endfor %}
    {%- endif %}
    {%- for column in columns if column.name in wanted %}
    {%- if column.type == 'date' %}
    left join read_dates as {{ column.name }}_read
        on {{ records }}.{{ column.name }}_text = {{ column.name }}_read.text
    {%- elif column.type in ('integer', 'decimal', 'size') %}
    left join read_numbers as {{ column.name }}_read
        on {{ records }}.{{ column.name }}_text = {{ column.name }}_read.text
    {%- endif %}
    {%- endfor %}
{%- endmacro %}


{#- CTE `read_numbers`: each text of a number once, with its value by type of column. -#}
{% macro read_numbers(numbers, habits) -%}
number_texts as (
    {{ different_texts(numbers) }}
),

clean_numbers as (
    select
        text,
        {{ clean_text('text') | indent(4) }} as clean
    from number_texts
    where text is not null
),

said_numbers as (
    select
        text,
        clean,
        {{ said('clean', habits) | indent(4) }} as said
    from clean_numbers
),

read_numbers as {{ read_once() }}(
    select
        text,
        clean,
        said,
        {{ to_integer('said') | indent(4) }} as integer_value,
        {{ to_number('said', habits.decimal_mark) | indent(4) }} as decimal_value,
        {{ to_mm('said', habits) | indent(4) }} as size_value
    from said_numbers
),
{%- endmacro %}


{#- Every text of some columns once. -#}
{% macro different_texts(columns) -%}
    {%- for column in columns %}
    {{- '\n    union distinct\n    ' if not loop.first }}select distinct {{ column.name }}_text as text
    from renamed
    {%- endfor %}
{%- endmacro %}


{#-
The CTEs of a staging model from `renamed` (every column as <name>_text, delivery_file,
delivery_line) to `staged`: typed columns beside their text, lesion_id, record_key, counts of cells
that could not be read, payload_hash; exact duplicates folded, and nothing else dropped.
-#}
{% macro typed(source, form) -%}
{%- set columns = form_columns(form) -%}
{%- set habits = source_habits(source) -%}
{%- set codes = columns | selectattr('type', 'equalto', 'code') | list -%}
{%- set dates = columns | selectattr('type', 'equalto', 'date') | list -%}
{%- set numbers = columns | selectattr('type', 'in', ['integer', 'decimal', 'size']) | list -%}
{% if codes -%}
{{ read_codes(codes, source, habits) }}

{% endif -%}
{% if numbers -%}
{{ read_numbers(numbers, habits) }}

{% endif -%}
{% if dates -%}
{{ read_dates(dates, habits) }}

{% endif -%}
cleaned as (
    select
        {%- for column in columns if column.type in ('id', 'text') %}
        {{ clean_cell(column, column.name ~ '_text') | indent(4) }} as {{ column.name }}_clean,
        {%- endfor %}
        renamed.*
    from renamed
),

said_cells as (
    select
        {%- for column in columns if column.type in ('id', 'text') %}
        {{ said(column.name ~ '_clean', habits) | indent(4) }} as {{ column.name }}_said,
        {%- endfor %}
        cleaned.*
    from cleaned
),

read_values as (
    select
        {%- for column in columns %}
        {{ typed_value(column) | indent(4) }}
        nullif(said_cells.{{ column.name }}_text, '') as {{ column.name }}_text,
        {%- if column.type in ('id', 'text') %}
        said_cells.{{ column.name }}_clean,
        said_cells.{{ column.name }}_said,
        {%- elif column.type == 'code' %}
        read_codes.{{ column.name }}_clean,
        read_codes.{{ column.name }}_said,
        {%- else %}
        {{ column.name }}_read.clean as {{ column.name }}_clean,
        {{ column.name }}_read.said as {{ column.name }}_said,
        {%- endif %}
        {%- endfor %}
        said_cells.delivery_file,
        said_cells.delivery_line
    from said_cells
    {{ lookups('said_cells', columns, columns | map(attribute='name') | list) | indent(4) }}
),

identified as (
    select
        read_values.*,
        {%- if 'lesion_no' in columns | map(attribute='name') %}
        {{ lesion_id() | indent(4) }} as lesion_id,
        {%- endif %}
        {{ record_key_text(form) | indent(4) }} as record_key,
        {%- for kind, cells in [('n_unreadable', dates + numbers), ('n_unmapped', codes)] %}
        cast(
            0
            {%- for column in cells %}
            + case
                when {{ column.name }}_said is not null and {{ canonical_name(column) }} is null
                    then 1
                else 0
            end
            {%- endfor %}
            as integer
        ) as {{ kind }},
        {%- endfor %}
        md5(
            concat_ws(
                chr(31),
                {%- for column in columns %}
                coalesce({{ column.name }}_clean, ''){{ ',' if not loop.last }}
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
        {%- if 'lesion_no' in columns | map(attribute='name') %}
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


{#-
Cells whose value does not say what was written: no value could be read, or a text or id was cleaned.
One text, `name=cell` parted by the sign for a unit separator (`as_written` finds a cell in it), for nearly all
records have none; raw has every cell.
-#}
{% macro cells_as_written(columns) -%}
    {%- set texts = columns | selectattr('type', 'in', ['id', 'text']) | list -%}
    case
        when
            n_unreadable > 0
            or n_unmapped > 0
            {%- for column in texts %}
            or nullif({{ column.name }}_text, {{ column.name }}) is not null
            {%- endfor %}
            then concat_ws(
                '␟',
                {%- for column in columns %}
                case
                    when
                        {%- if column in texts %}
                        nullif({{ column.name }}_text, {{ column.name }}) is not null
                        {%- else %}
                        {{ column.name }}_said is not null and {{ canonical_name(column) }} is null
                        {%- endif %}
                        then '{{ column.name }}=' || replace({{ column.name }}_text, '␟', ' ')
                end{{ ',' if not loop.last }}
                {%- endfor %}
            )
    end
{%- endmacro %}

{#- A cell as the source wrote it, from `cells_as_written`; null where its value says it. -#}
{% macro as_written(column) -%}
    nullif(regexp_extract(cells_as_written, '(^|␟){{ column }}=([^␟]*)', 2), '')
{%- endmacro %}


{#-
CTEs up to `read_dates`: each text of a date once, with the days it can mean. A form has many dates
and few different ones, so that each is read once and looked up where it stands.
-#}
{% macro read_dates(dates, habits) -%}
date_texts as (
    {{ different_texts(dates) }}
),

clean_dates as (
    select
        text,
        {{ clean_text('text') | indent(4) }} as clean
    from date_texts
    where text is not null
),

said_dates as (
    select
        text,
        clean,
        {{ said('clean', habits) | indent(4) }} as said
    from clean_dates
),

slashed_dates as (
    select
        *,
        {{ slashed_date('said', habits) | indent(4) }} as slashed
    from said_dates
),
{% if habits.eras %}
western_dates as (
    select
        *,
        {{ western_date('slashed') | indent(4) }} as western
    from slashed_dates
),

dates_of_any_era as (
    select
        *,
        {{ iso_as_declared('western', habits) | indent(4) }} as any_era
    from western_dates
),

iso_dates as (
    select
        text,
        clean,
        said,
        {{ date_within_era('slashed', 'any_era') | indent(4) }} as iso,
        {{ era_limit('slashed', 'first_day') | indent(4) }} as era_first_day,
        {{ era_limit('slashed', 'last_day') | indent(4) }} as era_last_day
    from dates_of_any_era
),
{%- else %}
iso_dates as (
    select
        text,
        clean,
        said,
        {{ iso_as_declared('slashed', habits) | indent(4) }} as iso
    from slashed_dates
),
{%- endif %}

dates_as_written as (
    select
        *,
        {{ used_day_of('iso') | indent(4) }} as used_day,
        {{ first_day_of('iso') | indent(4) }} as earliest_day,
        {{ last_day_of('iso') | indent(4) }} as latest_day,
        {{ precision_of('iso') | indent(4) }} as precision
    from iso_dates
),

read_dates as {{ read_once() }}(
    select
        text,
        clean,
        said,
        {%- for name, day in [
            ('day', 'used_day'), ('first_day', 'earliest_day'), ('last_day', 'latest_day'),
        ] %}
        {{ nearest_day_of_era(day) | indent(4) if habits.eras else day }} as {{ name }},
        {%- endfor %}
        precision
    from dates_as_written
),
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
        {{ short_hash(rough_key(form)) | indent(4) }} as key_hash
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


{#-
The key of a record as text in which copies agree, however they are written. Cells of plain ASCII,
which most are, need no cleaning for that.
-#}
{% macro rough_key(form) -%}
    {%- set plain = [] -%}
    {%- set clean = [] -%}
    {%- set looked_up = [] -%}
    {%- for column in form_columns(form) if column.name in form_key(form) -%}
        {%- set text = 'renamed.' ~ column.name ~ '_text' -%}
        {%- if column.type == 'code' -%}
            {%- do looked_up.append("coalesce(read_codes." ~ column.name ~ "_clean, '')") -%}
        {%- elif column.type == 'date' -%}
            {%- do looked_up.append('coalesce(' ~ column.name ~ "_read.clean, '')") -%}
        {%- else -%}
            {%- do plain.append('coalesce(' ~ text ~ ", '')") -%}
            {%- do clean.append('coalesce(' ~ clean_cell(column, text) ~ ", '')") -%}
        {%- endif -%}
    {%- endfor -%}
    {%- set written = "concat_ws('|', " ~ plain | join(', ') ~ ')' -%}
    concat_ws(
        '|',
        replace(
            upper(
                case
                    when {{ is_ascii(written) }} then {{ written }}
                    else concat_ws('|', {{ clean | join(', ') }})
                end
            ),
            ' ',
            ''
        )
        {%- for cell in looked_up %},
        {{ cell }}
        {%- endfor %}
    )
{%- endmacro %}


{#- A short hash of text, to find candidates by; it may meet by chance and differs by engine. -#}
{% macro short_hash(text) -%}
    {{ return(adapter.dispatch('short_hash')(text)) }}
{%- endmacro %}

{% macro default__short_hash(text) -%}
    hash({{ text }})
{%- endmacro %}

{% macro spark__short_hash(text) -%}
    xxhash64({{ text }})
{%- endmacro %}


{#- A record's natural key as text; a key cell that cannot be read stands as written. -#}
{% macro record_key_text(form) -%}
    concat_ws(
        '|',
        {%- for name in form_key(form) %}
        coalesce(cast({{ name }} as string), {{ name }}_clean, ''){{ ',' if not loop.last }}
        {%- endfor %}
    )
{%- endmacro %}


{#-
What keeps an engine from writing down a CTE that several others read, where reading it again costs
less than a copy of it.
-#}
{% macro read_anew() -%}
    {{ return(adapter.dispatch('read_anew')()) }}
{%- endmacro %}

{% macro default__read_anew() -%}
    not materialized{{ ' ' }}
{%- endmacro %}

{% macro spark__read_anew() -%}
{%- endmacro %}


{#-
What has an engine write down a CTE that several others read, where to plan it anew for each takes
longer than to run it.
-#}
{% macro read_once() -%}
    {{ return(adapter.dispatch('read_once')()) }}
{%- endmacro %}

{% macro default__read_once() -%}
    materialized{{ ' ' }}
{%- endmacro %}

{% macro spark__read_once() -%}
{%- endmacro %}
