{#-
Reading dates: the order a source declares with one of / . - between the parts, Japanese eras, and
unknown parts left out or written as two hyphens, question marks, UN, UK, UNK, NK or XX.
A date is first told as ISO text, cut short where a part is unknown (2019-03-04, 2019-03, 2019),
then typed.
-#}

{#- Eras since the Gregorian calendar: names, the year before year one, first and last day. -#}
{% macro japanese_eras() -%}
    {{ return([
        {
            'names': ['令和', '㋿', 'R'], 'year_zero': 2018, 'first_day': '2019-05-01',
            'last_day': '2100-12-31',
        },
        {
            'names': ['平成', '㍻', 'H'], 'year_zero': 1988, 'first_day': '1989-01-08',
            'last_day': '2019-04-30',
        },
        {
            'names': ['昭和', '㍼', 'S'], 'year_zero': 1925, 'first_day': '1926-12-25',
            'last_day': '1989-01-07',
        },
        {
            'names': ['大正', '㍽', 'T'], 'year_zero': 1911, 'first_day': '1912-07-30',
            'last_day': '1926-12-24',
        },
        {
            'names': ['明治', '㍾', 'M'], 'year_zero': 1867, 'first_day': '1873-01-01',
            'last_day': '1912-07-29',
        },
    ]) }}
{%- endmacro %}

{#- Pattern of a slashed date of an era: its name and its year, and what follows them. -#}
{% macro era_pattern(era) -%}
    {{ return('^(' ~ era.names | join('|') ~ ')([0-9]{1,2})(/|$)') }}
{%- endmacro %}


{#-
A date with slashes between its parts and hyphens for those unknown: 3.5.2019, 3-5-2019 and UN/05/2019
become 3/5/2019 and --/05/2019; where eras are declared, 令和元年5月3日 and R1.5.3 become 令和1/5/3
and R1/5/3.
-#}
{% macro slashed_date(text, habits) -%}
    {%- set parts = '[^/-]{1,4}-[^/-]{1,4}(-[^/-]{1,4})?' -%}
    {%- if habits.eras -%}
    {%- set marked = "regexp_replace(upper(" ~ text ~ "), '[年月]$', '')" -%}
    {%- set dotless = "replace(translate(" ~ marked ~ ", '年月.日', '///'), '元', '1')" -%}
    {%- else -%}
    {%- set dotless = "replace(upper(" ~ text ~ "), '.', '/')" -%}
    {%- endif -%}
    regexp_replace(
        case
            when {{ matches(dotless, '^' ~ parts ~ '$') }} then replace({{ dotless }}, '-', '/')
            else {{ dotless }}
        end,
        '(UNK|UN|UK|NK|XX|[?]+)', '--'{{ regexp_global() }}
    )
{%- endmacro %}


{#- A slashed date with its era's year made western; other text as it is. -#}
{% macro western_date(text) -%}
    case
        {%- for era in japanese_eras() %}
        when {{ matches(text, era_pattern(era)) }}
            then cast(
                {{ era.year_zero }}
                + cast(regexp_extract({{ text }}, '{{ era_pattern(era) }}', 2) as integer)
                as string
            ) || regexp_extract({{ text }}, '/.*$', 0)
        {%- endfor %}
        else {{ text }}
    end
{%- endmacro %}


{#- The ISO text unless the slashed date it was read from names an era that does not hold it. -#}
{% macro date_within_era(text, iso) -%}
    case
        {%- for era in japanese_eras() %}
        when
            {{ matches(text, era_pattern(era)) }}
            and (
                {{ iso }} < left('{{ era.first_day }}', length({{ iso }}))
                or {{ iso }} > left('{{ era.last_day }}', length({{ iso }}))
            )
            then null
        {%- endfor %}
        else {{ iso }}
    end
{%- endmacro %}


{#- First or last day of the era that a slashed date names; null where it names none. -#}
{% macro era_limit(text, limit) -%}
    case
        {%- for era in japanese_eras() %}
        when {{ matches(text, era_pattern(era)) }} then cast('{{ era[limit] }}' as date)
        {%- endfor %}
    end
{%- endmacro %}


{#- A day that a partial date can mean, moved to the nearest day of its era where it lies outside. -#}
{% macro nearest_day_of_era(day) -%}
    case
        when {{ day }} < era_first_day then era_first_day
        when {{ day }} > era_last_day then era_last_day
        else {{ day }}
    end
{%- endmacro %}


{#- ISO text of a date written with slashes in the declared order; null when not written so. -#}
{% macro iso_date(text, date_order) -%}
    {%- set digits = {'y': '[0-9]{4}', 'm': '[0-9]{1,2}', 'd': '[0-9]{1,2}'} -%}
    {%- set part = {} -%}
    {%- set patterns = {'d': [], 'm': [], 'y': []} -%}
    {#- Month and year alone stand in the declared order too. -#}
    {%- set month_first = date_order.index('m') < date_order.index('y') -%}
    {%- set short = ['m', 'y'] if month_first else ['y', 'm'] -%}
    {%- for letter in date_order -%}
        {%- do part.update({letter: "split_part(" ~ text ~ ", '/', " ~ loop.index ~ ")"}) -%}
        {%- do patterns['d'].append(digits[letter]) -%}
        {%- do patterns['m'].append('--' if letter == 'd' else digits[letter]) -%}
        {%- do patterns['y'].append(digits[letter] if letter == 'y' else '--') -%}
    {%- endfor -%}
    case
        when {{ matches(text, '^' ~ patterns['d'] | join('/') ~ '$') }}
            then {{ part['y'] }} || '-' || lpad({{ part['m'] }}, 2, '0')
                || '-' || lpad({{ part['d'] }}, 2, '0')
        when {{ matches(text, '^' ~ patterns['m'] | join('/') ~ '$') }}
            then {{ part['y'] }} || '-' || lpad({{ part['m'] }}, 2, '0')
        when {{ matches(text, '^' ~ patterns['y'] | join('/') ~ '$') }}
            then {{ part['y'] }}
        when {{ matches(text, '^' ~ digits[short[0]] ~ '/' ~ digits[short[1]] ~ '$') }}
            then split_part({{ text }}, '/', {{ short.index('y') + 1 }})
                || '-' || lpad(split_part({{ text }}, '/', {{ short.index('m') + 1 }}), 2, '0')
        when {{ matches(text, '^(19|20)[0-9]{2}$') }} then {{ text }}
    end
{%- endmacro %}


{#-
ISO text of a day as Excel counts it (43565 is 2019-04-10), where a source declares that it sends
such; before March 1900 Excel counts a day that never was.
-#}
{% macro iso_of_serial(text) -%}
    case
        when {{ matches(text, '^[0-9]{2,5}$') }} and cast({{ text }} as integer) > 60
            then cast(
                {{ days_after("cast('1899-12-30' as date)", 'cast(' ~ text ~ ' as integer)') }}
                as string
            )
    end
{%- endmacro %}


{#-
Earliest day that ISO text, perhaps cut short, can mean; null outside the calendar or 1900-2100.
-#}
{% macro first_day_of(iso) -%}
    case
        when {{ iso }} between '1900' and '2100-12-31'
            then try_cast(left({{ iso }} || '-01-01', 10) as date)
    end
{%- endmacro %}

{#- Latest day it can mean. -#}
{% macro last_day_of(iso) -%}
    case length({{ iso }})
        when 10 then {{ first_day_of(iso) }}
        when 7 then last_day({{ first_day_of(iso) }})
        when 4 then try_cast({{ iso }} || '-12-31' as date)
    end
{%- endmacro %}

{#- The day used for it: itself, the 15th of a month, the 1st of July of a year. -#}
{% macro used_day_of(iso) -%}
    case length({{ iso }})
        when 10 then {{ first_day_of(iso) }}
        when 7 then {{ first_day_of(iso) }} + 14
        when 4 then try_cast({{ iso }} || '-07-01' as date)
    end
{%- endmacro %}

{#- Whether a date is one of the days that stand for a month or a year (decision 11). -#}
{% macro stands_for_a_period(date) -%}
    (
        extract(day from {{ date }}) = 15
        or (extract(month from {{ date }}) = 7 and extract(day from {{ date }}) = 1)
    )
{%- endmacro %}

{#- How much of it is known: day, month or year; null when it is no date. -#}
{% macro precision_of(iso) -%}
    case
        when {{ first_day_of(iso) }} is not null
            then case length({{ iso }}) when 10 then 'day' when 7 then 'month' else 'year' end
    end
{%- endmacro %}


{#- Days from one date to another. -#}
{% macro days_between(first_date, last_date) -%}
    {{ return(adapter.dispatch('days_between')(first_date, last_date)) }}
{%- endmacro %}

{% macro default__days_between(first_date, last_date) -%}
    cast({{ last_date }} - {{ first_date }} as integer)
{%- endmacro %}

{% macro spark__days_between(first_date, last_date) -%}
    datediff({{ last_date }}, {{ first_date }})
{%- endmacro %}


{#- The date so many days after another. -#}
{% macro days_after(first_date, n_days) -%}
    {{ return(adapter.dispatch('days_after')(first_date, n_days)) }}
{%- endmacro %}

{% macro default__days_after(first_date, n_days) -%}
    cast({{ first_date }} + cast({{ n_days }} as integer) as date)
{%- endmacro %}

{% macro spark__days_after(first_date, n_days) -%}
    date_add({{ first_date }}, cast({{ n_days }} as integer))
{%- endmacro %}


{#- Clinical cut-off as a date literal, or none. -#}
{% macro cutoff_date() -%}
    {{ return("cast('" ~ var('cutoff') ~ "' as date)" if var('cutoff') else none) }}
{%- endmacro %}

{#- True unless the date lies after the clinical cut-off; an unknown date stays. -#}
{% macro within_cutoff(date_column) -%}
    {%- if cutoff_date() -%}
    ({{ date_column }} is null or {{ date_column }} <= {{ cutoff_date() }})
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}
