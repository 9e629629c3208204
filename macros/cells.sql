{#-
What one cell says, by its type and its source's habits. A form has many records and few different
texts: each is read once (CTEs read_codes, read_numbers, read_dates, read_segments) and looked up
where it stands.
-#}

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


{#- A slashed date with its era's year made western, where a source declares eras. -#}
{% macro western_as_declared(text, habits) -%}
    {{ western_date(text) if habits.eras else text }}
{%- endmacro %}


{#- Column `iso`, unless the slashed date it was read from names an era that does not hold it. -#}
{% macro iso_within_declared_era(text, habits) -%}
    {{ date_within_era(text, 'iso') if habits.eras else 'iso' }}
{%- endmacro %}


{#-
Clean text of a cell, null when blank or a declared missing code. An identifier is in capitals
already.
-#}
{% macro said(text, habits, is_id=false) -%}
    case
        when
            {{ text if is_id else 'upper(' ~ text ~ ')' }}
            in ({{ text_list(habits.missing_codes) }})
            then null
        else {{ text }}
    end
{%- endmacro %}


{#- Clean text of a column by its type, from the text as written. -#}
{% macro clean_cell(column, text) -%}
    {{ return(clean_id(text) if column.type == 'id' else clean_text(text)) }}
{%- endmacro %}


{#-
CTE `read_codes`: each combination of coded cells that a form has once, with what it says. A form has
few, so that code lists are looked up for these and not for every record.
-#}
{% macro read_codes(codes, key, source, habits) -%}
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

decoded as (
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

read_codes as {{ read_once() }}(
    select
        {%- for column in codes %}
        {{ column.name }}_text,
        {{ column.name }},
        {%- if column.name in key %}
        {{ column.name }}_clean,
        coalesce({{ column.name }}, {{ column.name }}_clean, '') as {{ column.name }}_key,
        {%- endif %}
        {%- endfor %}
        {{ n_unread(codes) | indent(4) }} as n_unmapped,
        {{ codes_without_value(codes) | indent(4) }} as codes_as_written,
        {{ codes_without_value(codes, clean=true) | indent(4) }} as unread_codes
    from decoded
),
{%- endmacro %}


{#-
CTE `read_numbers`: each text of a number once, with its value by type of column and what it adds to
a record's key.
-#}
{% macro read_numbers(numbers, habits) -%}
{%- set types = numbers | map(attribute='type') | unique | list -%}
{{ said_texts('numbers', numbers, habits) }}

number_values as (
    select
        text,
        clean,
        said,
        {{ to_integer('said') | indent(4) }} as integer_value,
        {{ to_number('said', habits.decimal_mark) | indent(4) }} as decimal_value,
        {{ to_mm('said', habits) | indent(4) }} as size_value
    from said_numbers
),

read_numbers as {{ read_once() }}(
    select
        text,
        clean,
        {%- for type in types %}
        {{ type }}_value,
        case when said is not null and {{ type }}_value is null then 1 else 0 end as {{ type }}_unread,
        {%- endfor %}
        coalesce(cast(integer_value as string), clean, '') as integer_key,
        {{ lesion_tag('integer_value') | indent(4) }} as lesion_tag
    from number_values
),
{%- endmacro %}


{#-
CTEs up to `read_dates`: each text of a date once, with the days it can mean. A form has many dates
and few different ones, so that each is read once and looked up where it stands.
-#}
{% macro read_dates(dates, habits) -%}
{{ said_texts('dates', dates, habits) }}

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

date_values as (
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

read_dates as {{ read_once() }}(
    select
        text,
        clean,
        day,
        first_day,
        last_day,
        precision,
        case when said is not null and day is null then 1 else 0 end as day_unread,
        coalesce(cast(day as string), clean, '') as day_key
    from date_values
),
{%- endmacro %}


{#- CTE `read_segments`: each text of Couinaud segments once, with the segments it names. -#}
{% macro read_segments(columns, habits) -%}
{{ said_texts('segments', columns, habits) }}

read_segments as {{ read_once() }}(
    select
        text,
        clean,
        {{ clean_segments('said') }} as segments_value
    from said_segments
),
{%- endmacro %}


{#- CTE `said_<kind>`: every text of some columns once, clean and as said. -#}
{% macro said_texts(kind, columns, habits) -%}
{{ kind }}_texts as (
    {{ different_texts(columns) }}
),

clean_{{ kind }} as (
    select
        text,
        {{ clean_text('text') | indent(4) }} as clean
    from {{ kind }}_texts
    where text is not null
),

said_{{ kind }} as (
    select
        text,
        clean,
        {{ said('clean', habits) | indent(4) }} as said
    from clean_{{ kind }}
),
{%- endmacro %}


{#- Every text of some columns once. -#}
{% macro different_texts(columns) -%}
    {%- for column in columns %}
    {{- '\n    union distinct\n    ' if not loop.first }}select distinct {{ column.name }}_text as text
    from renamed
    {%- endfor %}
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
    {%- elif column.type == 'segments' %}
    left join read_segments as {{ column.name }}_read
        on {{ records }}.{{ column.name }}_text = {{ column.name }}_read.text
    {%- endif %}
    {%- endfor %}
{%- endmacro %}
