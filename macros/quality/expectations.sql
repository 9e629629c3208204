{#-
What Great Expectations is told: the checks of the rules, said in its words for every staging and
core table they hold for. Nothing is written twice; a rule with a predicate of its own has none.
-#}

{#- Tables of core that a result cannot do without (rule DV50). -#}
{% macro tables_never_empty() -%}
    {{ return(['dim_patient', 'fct_lesion', 'fct_read']) }}
{%- endmacro %}


{#- Columns that name a record of a table to a steward. -#}
{% macro naming_columns(name) -%}
    {{ return({
        'registration': ['patient_id'],
        'lesion': ['lesion_id'],
        'read': ['lesion_id', 'modality', 'timepoint', 'read_date', 'reader_id'],
        'surgery': ['patient_id', 'stage'],
        'disposition': ['lesion_id', 'stage'],
        'pathology': ['lesion_id', 'specimen_id'],
        'followup': ['patient_id', 'visit_no', 'lesion_no'],
        'outcome': ['patient_id'],
        'dim_site': ['site_id'],
        'dim_patient': ['patient_id'],
        'fct_lesion': ['lesion_id'],
        'fct_read': ['lesion_id', 'modality', 'timepoint', 'read_date', 'reader'],
        'fct_surgery': ['patient_id', 'stage'],
        'fct_followup': ['patient_id', 'visit_no'],
        'rule_results': ['rule_id', 'site_id'],
    }[name]) }}
{%- endmacro %}


{#- Name and arguments of the expectation that says what a check says. -#}
{% macro check_expectation(check) -%}
    {%- set kind = check.kind -%}
    {%- if kind == 'not_null' -%}
        {{ return(('column_values_to_not_be_null', {'column': check.column})) }}
    {%- elif kind == 'null' -%}
        {{ return(('column_values_to_be_null', {'column': check.column})) }}
    {%- elif kind == 'in_set' -%}
        {{ return((
            'column_values_to_be_in_set',
            {'column': check.column, 'value_set': check['values']},
        )) }}
    {%- elif kind == 'not_in_set' -%}
        {{ return((
            'column_values_to_not_be_in_set',
            {'column': check.column, 'value_set': check['values']},
        )) }}
    {%- elif kind == 'between' -%}
        {%- set arguments = {'column': check.column} -%}
        {%- if check.min is defined -%}
            {%- do arguments.update({'min_value': check.min}) -%}
        {%- endif -%}
        {%- if check.max is defined -%}
            {%- do arguments.update({'max_value': check.max}) -%}
        {%- endif -%}
        {%- if check.strict_min -%}
            {%- do arguments.update({'strict_min': true}) -%}
        {%- endif -%}
        {{ return(('column_values_to_be_between', arguments)) }}
    {%- elif kind == 'regex' -%}
        {{ return((
            'column_values_to_match_regex', {'column': check.column, 'regex': check.pattern},
        )) }}
    {%- elif kind == 'not_regex' -%}
        {{ return((
            'column_values_to_not_match_regex', {'column': check.column, 'regex': check.pattern},
        )) }}
    {%- elif kind == 'not_before' -%}
        {{ return((
            'column_pair_values_a_to_be_greater_than_b',
            {
                'column_A': check.later, 'column_B': check.earlier, 'or_equal': true,
                'ignore_row_if': 'either_value_is_missing',
            },
        )) }}
    {%- elif kind == 'equal' -%}
        {{ return((
            'column_pair_values_to_be_equal',
            {
                'column_A': check.columns[0], 'column_B': check.columns[1],
                'ignore_row_if': 'either_value_is_missing',
            },
        )) }}
    {%- elif kind == 'pair_in_set' -%}
        {{ return((
            'column_pair_values_to_be_in_set',
            {
                'column_A': check.columns[0], 'column_B': check.columns[1],
                'value_pairs_set': check.pairs, 'ignore_row_if': 'either_value_is_missing',
            },
        )) }}
    {%- elif kind == 'unique' and check.columns | length == 1 -%}
        {{ return(('column_values_to_be_unique', {'column': check.columns[0]})) }}
    {%- elif kind == 'unique' -%}
        {{ return((
            'compound_columns_to_be_unique',
            {'column_list': check.columns, 'ignore_row_if': 'any_value_is_missing'},
        )) }}
    {%- elif kind == 'not_empty' -%}
        {{ return(('table_row_count_to_be_between', {'min_value': 1})) }}
    {%- endif -%}
    {{ exceptions.raise_compiler_error('no expectation for a check of kind ' ~ kind) }}
{%- endmacro %}


{#- Every expectation, in the order of tables and rules. -#}
{% macro rule_expectations() -%}
    {%- set found = [] -%}
    {%- for input in rule_inputs() -%}
        {%- set tables = [] -%}
        {%- if input.name in form_names() -%}
            {%- for source in source_names() -%}
                {%- do tables.append('staging.stg_' ~ source ~ '__' ~ input.name) -%}
            {%- endfor -%}
        {%- elif input.name in core_tables() -%}
            {%- do tables.append('core.' ~ input.name) -%}
        {%- endif -%}
        {%- for table in tables -%}
            {%- if input.name in tables_never_empty() -%}
                {%- do found.append(expectation_of(
                    {'id': 'DV50'}, {'kind': 'not_empty'}, table, input.name,
                )) -%}
            {%- endif -%}
            {%- for rule in input.rules -%}
                {%- for check in rule.checks or [] -%}
                    {%- do found.append(expectation_of(rule, check, table, input.name)) -%}
                {%- endfor -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {%- for check in [
        {'kind': 'not_empty'},
        {'kind': 'unique', 'columns': ['rule_id', 'site_id']},
        {'kind': 'not_in_set', 'column': 'status', 'values': ['error']},
    ] -%}
        {%- do found.append(expectation_of(
            {'id': 'DV51'}, check, 'quality.rule_results', 'rule_results',
        )) -%}
    {%- endfor -%}
    {{ return(found) }}
{%- endmacro %}


{#- One expectation as a row of quality.rule_expectations. -#}
{% macro expectation_of(rule, check, table, name) -%}
    {%- set expect, arguments = check_expectation(check) -%}
    {%- if rule.when and expect.startswith('column_pair_') -%}
        {#- Great Expectations 1.24 counts violations of all rows there, not of the rows meant. -#}
        {{ exceptions.raise_compiler_error(
            'rule ' ~ rule.id ~ ': a pair of columns cannot be checked under a condition'
        ) }}
    {%- endif -%}
    {{ return({
        'rule_id': rule.id,
        'table_name': table,
        'expect': expect,
        'arguments': tojson(arguments, sort_keys=true),
        'conditions': tojson(rule.when or {}, sort_keys=true),
        'keys': tojson(naming_columns(name)),
    }) }}
{%- endmacro %}
