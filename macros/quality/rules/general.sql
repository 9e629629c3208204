{#- Rules that every form is held to (catalogue table `all`). -#}

{#- Columns that must say which record it is; a blank modality, date or lesion has its own rule. -#}
{% macro required_keys(form) -%}
    {{ return({
        'registration': ['patient_id'],
        'lesion': ['patient_id', 'lesion_no'],
        'read': ['patient_id', 'lesion_no', 'timepoint'],
        'surgery': ['patient_id', 'stage'],
        'disposition': ['patient_id', 'lesion_no', 'stage'],
        'pathology': ['patient_id', 'lesion_no', 'specimen_id'],
        'followup': ['patient_id', 'visit_no'],
        'outcome': ['patient_id'],
    }[form]) }}
{%- endmacro %}


{#- Dates that an endpoint is counted from or to. -#}
{% macro endpoint_dates(form) -%}
    {{ return({
        'surgery': ['surgery_date'],
        'followup': ['imaging_date', 'recurrence_date', 'later_treatment_date'],
        'outcome': ['death_date', 'last_contact_date'],
    }.get(form, [])) }}
{%- endmacro %}


{#- Dates of a form, by name. -#}
{% macro date_columns(form) -%}
    {{ return(
        form_columns(form) | selectattr('type', 'equalto', 'date') | map(attribute='name') | list
    ) }}
{%- endmacro %}


{#- Any of the dates is one of these days, which programs write for "unknown". -#}
{% macro is_stand_in_date(column) -%}
    {{ return(
        column ~ '_precision = \'day\' and ' ~ column
        ~ " in (cast('1900-01-01' as date), cast('1970-01-01' as date))"
    ) }}
{%- endmacro %}


{#- Text `name=value` for each of the dates for which a condition holds. -#}
{% macro dates_where(columns, conditions) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append(
            'case when ' ~ conditions[loop.index0] ~ " then '" ~ column ~ "=' || cast("
            ~ column ~ '_lower as string) end'
        ) -%}
    {%- endfor -%}
    {{ return('concat_ws(\'; \', ' ~ parts | join(', ') ~ ')') }}
{%- endmacro %}


{#- Names of the columns in a text of `name=value` parts: the first of them. -#}
{% macro first_name(text) -%}
    {{ return("split_part(" ~ text ~ ", '=', 1)") }}
{%- endmacro %}


{#- Whether a column of the key says nothing; a number that cannot be read has rule GN12. -#}
{% macro is_left_blank(form, column) -%}
    {%- set is_number = form_columns(form)
        | selectattr('name', 'equalto', column)
        | selectattr('type', 'equalto', 'integer') | list -%}
    {{ return(
        '(' ~ column ~ " is null and instr('; ' || coalesce(misformatted_numbers, ''), '; "
        ~ column ~ "=') = 0)" if is_number else column ~ ' is null'
    ) }}
{%- endmacro %}


{% macro general_rules(form) -%}
    {%- set dates = date_columns(form) -%}
    {%- set stand_ins = [] -%}
    {%- set futures = [] -%}
    {%- for column in dates -%}
        {%- do stand_ins.append(is_stand_in_date(column)) -%}
        {%- do futures.append(column ~ '_lower > received_date') -%}
    {%- endfor -%}
    {%- set blank_keys = [] -%}
    {%- for column in required_keys(form) -%}
        {%- do blank_keys.append(is_left_blank(form, column)) -%}
    {%- endfor -%}
    {%- set rules = [
        {
            'id': 'GN02',
            'violated': blank_keys | join(' or '),
            'evidence': required_keys(form),
            'column': required_keys(form)[-1],
        },
        {
            'id': 'GN03',
            'violated': 'is_contested',
            'evidence': ['record_key', 'payload_hash'],
        },
        {
            'id': 'GN05',
            'violated': 'drifted_keys is not null',
            'evidence_sql': 'drifted_keys',
            'column_sql': first_name('drifted_keys'),
        },
        {
            'id': 'GN10',
            'violated': 'unmapped_codes is not null',
            'evidence_sql': 'unmapped_codes',
            'column_sql': first_name('unmapped_codes'),
        },
        {
            'id': 'GN13',
            'violated': 'formula_texts is not null',
            'evidence_sql': 'formula_texts',
            'column_sql': first_name('formula_texts'),
        },
        {
            'id': 'GN12',
            'violated': 'misformatted_numbers is not null',
            'evidence_sql': 'misformatted_numbers',
            'column_sql': first_name('misformatted_numbers'),
        },
    ] -%}
    {%- if form == 'registration' -%}
        {%- do rules.append({
            'id': 'GN01',
            'violated': 'lacks_site',
            'evidence': ['delivered_site_id'],
            'column': 'site_id',
        }) -%}
    {%- endif -%}
    {%- if dates -%}
        {%- do rules.extend([
            {
                'id': 'GN06',
                'violated': 'misformatted_dates is not null',
                'evidence_sql': 'misformatted_dates',
                'column_sql': first_name('misformatted_dates'),
            },
            {
                'id': 'GN07',
                'violated': 'impossible_dates is not null or '
                    ~ '(' ~ stand_ins | join(') or (') ~ ')',
                'evidence_sql': "concat_ws('; ', impossible_dates, nullif("
                    ~ dates_where(dates, stand_ins) ~ ", ''))",
                'column_sql': first_name("concat_ws('; ', impossible_dates, nullif("
                    ~ dates_where(dates, stand_ins) ~ ", ''))"),
            },
            {
                'id': 'GN08',
                'applies': 'received_date is not null',
                'violated': futures | join(' or '),
                'evidence_sql': dates_where(dates, futures)
                    ~ " || '; received_date=' || cast(received_date as string)",
                'column_sql': first_name(dates_where(dates, futures)),
                'unless_any': 'the files were never received, so no day is known to be too late',
            },
        ]) -%}
    {%- endif -%}
    {%- if endpoint_dates(form) -%}
        {%- set known = [] -%}
        {%- set partial = [] -%}
        {%- for column in endpoint_dates(form) -%}
            {%- do known.append(column ~ ' is not null') -%}
            {%- do partial.append(column ~ "_precision <> 'day'") -%}
        {%- endfor -%}
        {%- do rules.append({
            'id': 'GN09',
            'applies': known | join(' or '),
            'violated': partial | join(' or '),
            'evidence_sql': dates_with_precision(endpoint_dates(form), partial),
            'column_sql': first_name(dates_with_precision(endpoint_dates(form), partial)),
        }) -%}
    {%- endif -%}
    {%- for rule in rules -%}
        {%- do rule.update({'needs': []}) -%}
    {%- endfor -%}
    {{ return(rules) }}
{%- endmacro %}


{#- Text `name=2019-08 (month)` for each date of which only a part is known. -#}
{% macro dates_with_precision(columns, conditions) -%}
    {%- set parts = [] -%}
    {%- for column in columns -%}
        {%- do parts.append(
            'case when ' ~ conditions[loop.index0] ~ " then '" ~ column ~ "=' || left(cast("
            ~ column ~ '_lower as string), case ' ~ column
            ~ "_precision when 'month' then 7 else 4 end) end"
        ) -%}
    {%- endfor -%}
    {{ return('concat_ws(\'; \', ' ~ parts | join(', ') ~ ')') }}
{%- endmacro %}
