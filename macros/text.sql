{#- Reading text: what a cell says once width, spaces, hyphens and minus signs are one kind. -#}

{#- True when the whole pattern is found in the text. -#}
{% macro matches(text, pattern) -%}
    {{ return(adapter.dispatch('matches')(text, pattern)) }}
{%- endmacro %}

{% macro default__matches(text, pattern) -%}
    regexp_matches({{ text }}, '{{ pattern }}')
{%- endmacro %}

{% macro spark__matches(text, pattern) -%}
    regexp_like({{ text }}, '{{ pattern }}')
{%- endmacro %}


{#- True of text that is plain ASCII: as many bytes as characters. -#}
{% macro is_ascii(text) -%}
    bit_length({{ text }}) = 8 * length({{ text }})
{%- endmacro %}


{#-
Text as said: full-width ASCII, every kind of space, hyphen and minus sign made plain, trimmed;
blank is null. Nine cells in ten are plain ASCII already and skip the translation. The Japanese long
vowel mark is a letter here; clean_id reads it as a hyphen.
-#}
{% macro clean_text(text) -%}
    {%- set wide = (
        '！＂＃＄％＆（）＊＋，－．／０１２３４５６７８９：；＜＝＞？＠'
        ~ 'ＡＢＣＤＥＦＧＨＩＪＫＬＭＮＯＰＱＲＳＴＵＶＷＸＹＺ［］＾＿｀'
        ~ 'ａｂｃｄｅｆｇｈｉｊｋｌｍｎｏｐｑｒｓｔｕｖｗｘｙｚ｛｜｝～'
        ~ '\u3000\u00a0\u2002\u2003\u2007\u2009\u202f\u2010\u2011\u2012\u2013\u2014\u2015\u2212'
    ) -%}
    {%- set plain = (
        '!"#$%&()*+,-./0123456789:;<=>?@'
        ~ 'ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`'
        ~ 'abcdefghijklmnopqrstuvwxyz{|}~'
        ~ '       -------'
    ) -%}
    {#- The first and last wide ASCII character span them all; the other marks are listed. -#}
    {%- set wide_characters = '[！-～' ~ wide[92:] ~ ']' -%}
    nullif(
        trim(
            case
                when {{ is_ascii(text) }} then {{ text }}
                when {{ matches(text, wide_characters) }}
                    {#- Quote and backslash are escaped differently in the engines' literals. -#}
                    then replace(
                        replace(
                            translate({{ text }}, '{{ wide }}', '{{ plain }}'), '＇', chr(39)
                        ),
                        '＼', chr(92)
                    )
                else {{ text }}
            end
        ),
        ''
    )
{%- endmacro %}


{#-
An identifier as said: clean text in capitals, the long vowel mark typed for a hyphen made one.
-#}
{% macro clean_id(text) -%}
    case
        when {{ is_ascii(text) }} then nullif(upper(trim({{ text }})), '')
        else upper(replace({{ clean_text(text) }}, 'ー', '-'))
    end
{%- endmacro %}


{#- Couinaud segments as "5+6", whatever stands between them. -#}
{% macro clean_segments(text) -%}
    regexp_replace(lower({{ text }}), '[ ]*[,;/+&・、][ ]*', '+'{{ regexp_global() }})
{%- endmacro %}

{#- DuckDB replaces the first match unless told to replace all; Spark always replaces all. -#}
{% macro regexp_global() -%}
    {{ return(adapter.dispatch('regexp_global')()) }}
{%- endmacro %}

{% macro default__regexp_global() -%}, 'g'{%- endmacro %}

{% macro spark__regexp_global() -%}{%- endmacro %}


{#- SQL list of text literals. -#}
{% macro text_list(values) -%}
    '{{ values | join("', '") }}'
{%- endmacro %}


{#-
REDCap checkboxes as one text: the labels ticked, joined by "+". A box that holds neither 0 nor 1 is
kept as written, so that it shows up as an unknown label instead of vanishing.
-#}
{% macro ticked(field, labels) -%}
    nullif(
        concat_ws(
            '+',
            {%- for label in labels %}
            case
                when trim({{ field }}___{{ label }}) = '1' then '{{ label }}'
                when trim({{ field }}___{{ label }}) not in ('', '0')
                    then '{{ label }}=' || trim({{ field }}___{{ label }})
            end{{ ',' if not loop.last }}
            {%- endfor %}
        ),
        ''
    )
{%- endmacro %}


{#- Lesion number as people write it: at least two digits, never cut. -#}
{% macro lesion_id(patient_id='patient_id', lesion_no='lesion_no') -%}
    {{ patient_id }} || {{ lesion_tag(lesion_no) }}
{%- endmacro %}

{#- What a lesion's number adds to its patient's id. -#}
{% macro lesion_tag(lesion_no) -%}
    '-L' || case
        when {{ lesion_no }} between 0 and 9 then '0' || cast({{ lesion_no }} as string)
        else cast({{ lesion_no }} as string)
    end
{%- endmacro %}
