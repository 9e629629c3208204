{#-
One catalogue of rules: the words, severities and thresholds are the seed ref_quality_rules; what a
rule looks at and when it is violated are the macros in macros/quality/rules, one entry per rule:

    id         of the rule, as in the seed
    applies    predicate: which records the rule is about; every record when absent
    violated   predicate: which of them break it; null breaks nothing
    checks     instead of `violated`: statements of a known kind (macro check_violated), from which
               Great Expectations' suites are generated as well; any broken one breaks the rule
    when       with `checks`: column -> value, list of values, 'null' or 'not null', for `applies`
    evidence   columns quoted to the steward; those of the checks when absent
    column     the column at fault, as an SQL expression where `column_sql` says it instead
    needs      forms that must have been delivered by the site; the input's own when absent
    unless_any why the rule counts as not evaluated where it applies to no record; without it
               such a rule is not applicable
    counts     how much a row adds to the records checked, as SQL; one when absent
-#}


{#-
What rules look at, in order: the model, its rules and the forms they need. A model of one row per
thing checked has the columns source, site_id, patient_id, lesion_id, form, record_key, payload_hash,
delivery_file and delivery_line; `columns` says which it calls otherwise or lacks. What rules look at
in a form whose records are too many to be written down so is judged where it is made, in the model
`judged`; no rule of such an input has `counts` or a check of the kind `unique`.
-#}
{% macro rule_inputs() -%}
    {%- set inputs = [] -%}
    {%- for form in form_names() -%}
        {%- do inputs.append({
            'name': form,
            'model': 'checked_' ~ form,
            'rules': context[form ~ '_rules']() + general_rules(form),
            'needs': [form],
            'columns': {'record_key': record_key(form)} if is_kept_without_keys(form) else none,
            'judged': 'judged_' ~ form if is_kept_without_keys(form) else none,
        }) -%}
    {%- endfor -%}
    {%- for name in ['delivery', 'change', 'site', 'result'] -%}
        {%- do inputs.append({
            'name': name,
            'model': 'checked_' ~ name,
            'rules': context[name ~ '_rules'](),
            'needs': [],
        }) -%}
    {%- endfor -%}
    {%- for name, columns in core_tables().items() -%}
        {%- do inputs.append({
            'name': name,
            'model': name,
            'rules': context[name ~ '_rules'](),
            'needs': [],
            'columns': columns,
        }) -%}
    {%- endfor -%}
    {{ return(inputs) }}
{%- endmacro %}


{#- Ids of the rules of these inputs, each once. -#}
{% macro ids_of_rules(inputs) -%}
    {%- set found = {} -%}
    {%- for input in inputs -%}
        {%- for rule in input.rules -%}
            {%- do found.update({rule.id: true}) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(found.keys() | list) }}
{%- endmacro %}


{#- Ids of the rules that have a predicate. -#}
{% macro implemented_rules() -%}
    {{ return(ids_of_rules(rule_inputs())) }}
{%- endmacro %}


{#- Ids of the rules that look at records of forms as they were delivered. -#}
{% macro rules_of_forms() -%}
    {{ return(ids_of_rules(rule_inputs() | selectattr('name', 'in', form_names()) | list)) }}
{%- endmacro %}


{#- The input of that name. -#}
{% macro rule_input(name) -%}
    {{ return(rule_inputs() | selectattr('name', 'equalto', name) | first) }}
{%- endmacro %}


{#- The table with a row for each record of a form: who answers for it, and by what sites are compared. -#}
{% macro answered_records(form) -%}
    {{ return(ref(('judged_' if is_kept_without_keys(form) else 'checked_') ~ form)) }}
{%- endmacro %}


{#- Tables of core as inputs, with the columns of an input that they call otherwise or lack. -#}
{% macro core_tables() -%}
    {%- set tables = {
        'dim_site': {
            'patient_id': none, 'lesion_id': none, 'record_key': 'site_id',
        },
        'dim_patient': {'lesion_id': none, 'record_key': 'patient_id'},
        'fct_lesion': {'record_key': 'lesion_id'},
        'fct_read': {
            'record_key': "concat_ws('|', lesion_id, modality, timepoint,"
                ~ ' cast(read_date as string), reader)',
        },
        'fct_surgery': {
            'lesion_id': none,
            'record_key': "concat_ws('|', patient_id, cast(stage as string))",
        },
        'fct_followup': {
            'lesion_id': none,
            'record_key': "concat_ws('|', patient_id, cast(visit_no as string))",
        },
    } -%}
    {%- for columns in tables.values() -%}
        {%- do columns.update({
            'form': none, 'payload_hash': "''", 'source': none, 'delivery_file': none,
            'delivery_line': none,
        }) -%}
    {%- endfor -%}
    {{ return(tables) }}
{%- endmacro %}


{#- One of the columns of an input, as SQL. -#}
{% macro input_column(input, name) -%}
    {%- set columns = input.columns or {} -%}
    {%- if name not in columns -%}
        {{ return(name) }}
    {%- elif columns[name] is none -%}
        {{ return(
            'cast(null as ' ~ ('bigint' if name == 'delivery_line' else 'string') ~ ')'
        ) }}
    {%- else -%}
        {{ return(columns[name]) }}
    {%- endif -%}
{%- endmacro %}


{#- Forms a rule needs. -#}
{% macro rule_needs(input, rule) -%}
    {{ return(rule.needs if 'needs' in rule else input.needs) }}
{%- endmacro %}


{#- Which records a rule is about. -#}
{% macro rule_applies(rule) -%}
    {%- set conditions = [] -%}
    {%- if rule.applies -%}
        {%- do conditions.append('(' ~ rule.applies ~ ')') -%}
    {%- endif -%}
    {%- for column, wanted in (rule.when or {}).items() -%}
        {%- do conditions.append(check_condition(column, wanted)) -%}
    {%- endfor -%}
    {{ return(conditions | join(' and ') or 'true') }}
{%- endmacro %}


{#- Condition of a `when`: the column holds the value, one of the values, something or nothing. -#}
{% macro check_condition(column, wanted) -%}
    {%- if wanted == 'not null' -%}
        {{ return(column ~ ' is not null') }}
    {%- elif wanted == 'null' -%}
        {{ return(column ~ ' is null') }}
    {%- elif wanted is string or wanted is boolean or wanted is number -%}
        {{ return(column ~ ' = ' ~ sql_literal(wanted)) }}
    {%- else -%}
        {{ return(column ~ ' in (' ~ sql_literals(wanted) ~ ')') }}
    {%- endif -%}
{%- endmacro %}


{#- A value as SQL writes it; a number as a double. -#}
{% macro sql_literal(value) -%}
    {%- if value is boolean -%}
        {{ return('true' if value else 'false') }}
    {%- elif value is string -%}
        {{ return("'" ~ value | replace("'", "''") ~ "'") }}
    {%- else -%}
        {{ return('cast(' ~ value ~ ' as double)') }}
    {%- endif -%}
{%- endmacro %}

{% macro sql_literals(values) -%}
    {%- set written = [] -%}
    {%- for value in values -%}
        {%- do written.append(sql_literal(value)) -%}
    {%- endfor -%}
    {{ return(written | join(', ')) }}
{%- endmacro %}


{#- When a rule is violated. -#}
{% macro rule_violated(rule) -%}
    {%- if rule.violated -%}
        {{ return(rule.violated) }}
    {%- endif -%}
    {%- set broken = [] -%}
    {%- for check in rule.checks -%}
        {%- do broken.append('(' ~ check_violated(check, rule.id) ~ ')') -%}
    {%- endfor -%}
    {{ return(broken | join(' or ')) }}
{%- endmacro %}


{#-
Predicate of a record that breaks one check. Blank breaks only `not_null`. Great Expectations gets
the same statement from macro check_expectation.
-#}
{% macro check_violated(check, rule_id) -%}
    {%- set kind = check.kind -%}
    {%- set column = check.column -%}
    {%- if kind == 'not_null' -%}
        {{ return(column ~ ' is null') }}
    {%- elif kind == 'null' -%}
        {{ return(column ~ ' is not null') }}
    {%- elif kind == 'in_set' -%}
        {{ return(column ~ ' not in (' ~ sql_literals(check['values']) ~ ')') }}
    {%- elif kind == 'not_in_set' -%}
        {{ return(column ~ ' in (' ~ sql_literals(check['values']) ~ ')') }}
    {%- elif kind == 'between' -%}
        {%- set broken = [] -%}
        {%- if check.min is defined -%}
            {%- do broken.append(
                column ~ (' <= ' if check.strict_min else ' < ') ~ sql_literal(check.min)
            ) -%}
        {%- endif -%}
        {%- if check.max is defined -%}
            {%- do broken.append(column ~ ' > ' ~ sql_literal(check.max)) -%}
        {%- endif -%}
        {{ return(broken | join(' or ')) }}
    {%- elif kind == 'regex' -%}
        {{ return('not ' ~ matches(column, check.pattern)) }}
    {%- elif kind == 'not_regex' -%}
        {{ return(matches(column, check.pattern)) }}
    {%- elif kind == 'not_before' -%}
        {{ return(check.later ~ ' < ' ~ check.earlier) }}
    {%- elif kind == 'equal' -%}
        {{ return(check.columns[0] ~ ' <> ' ~ check.columns[1]) }}
    {%- elif kind == 'pair_in_set' -%}
        {%- set pairs = [] -%}
        {%- for pair in check.pairs -%}
            {%- do pairs.append(
                '(' ~ check.columns[0] ~ ' = ' ~ sql_literal(pair[0])
                ~ ' and ' ~ check.columns[1] ~ ' = ' ~ sql_literal(pair[1]) ~ ')'
            ) -%}
        {%- endfor -%}
        {{ return('not (' ~ pairs | join(' or ') ~ ')') }}
    {%- elif kind == 'unique' -%}
        {{ return(repeated_flag(rule_id)) }}
    {%- else -%}
        {{ exceptions.raise_compiler_error('rule ' ~ rule_id ~ ': no check of kind ' ~ kind) }}
    {%- endif -%}
{%- endmacro %}


{#- Columns a check reads. -#}
{% macro check_columns(check) -%}
    {%- if check.columns is defined -%}
        {{ return(check.columns) }}
    {%- elif check.kind == 'not_before' -%}
        {{ return([check.later, check.earlier]) }}
    {%- else -%}
        {{ return([check.column]) }}
    {%- endif -%}
{%- endmacro %}


{#- Flag of a record whose key another record has too, from CTE <input>_records. -#}
{% macro repeated_flag(rule_id) -%}
    {{ return('is_repeated_' ~ rule_id | lower) }}
{%- endmacro %}


{#- Columns quoted to the steward. -#}
{% macro rule_evidence(rule) -%}
    {%- if rule.evidence is defined -%}
        {{ return(rule.evidence) }}
    {%- endif -%}
    {%- set columns = (rule.when or {}).keys() | list -%}
    {%- for check in rule.checks or [] -%}
        {%- for column in check_columns(check) if column not in columns -%}
            {%- do columns.append(column) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}


{#- The offending values as text: age=17; sex=M. A blank value stands as nothing. -#}
{% macro evidence_text(input, rule) -%}
    {%- if rule.evidence_sql -%}
        {{ return(rule.evidence_sql) }}
    {%- endif -%}
    {%- set parts = [] -%}
    {%- for column in rule_evidence(rule) -%}
        {%- do parts.append(
            "'" ~ column ~ "=' || coalesce(cast(" ~ input_column(input, column) ~ " as string), '')"
        ) -%}
    {%- endfor -%}
    {{ return('concat_ws(\'; \', ' ~ parts | join(', ') ~ ')') }}
{%- endmacro %}


{#- The column at fault, as SQL. -#}
{% macro rule_column(rule) -%}
    {%- if rule.column_sql -%}
        {{ return(rule.column_sql) }}
    {%- elif rule.column -%}
        {{ return("'" ~ rule.column ~ "'") }}
    {%- elif rule.checks -%}
        {%- set columns = [] -%}
        {%- set cases = [] -%}
        {%- for check in rule.checks -%}
            {%- set name = "'" ~ check_columns(check)[0] ~ "'" -%}
            {%- do columns.append(name) -%}
            {%- do cases.append(' when ' ~ check_violated(check, rule.id) ~ ' then ' ~ name) -%}
        {%- endfor -%}
        {{ return(
            columns[0] if columns | unique | list | length == 1
            else 'case' ~ cases | join ~ ' end'
        ) }}
    {%- else -%}
        {{ return("''") }}
    {%- endif -%}
{%- endmacro %}


{#- Whether a record breaks any rule of its input. -#}
{% macro breaks_a_rule(input) -%}
    {%- for rule in input.rules %}
    {{ 'or ' if not loop.first }}({{ rule_applies(rule) }} and ({{ rule_violated(rule) }}))
    {%- endfor %}
{%- endmacro %}


{#- What is found in a record: a list of rule, column at fault and evidence, one text per rule broken. -#}
{% macro rule_findings(input) -%}
    {%- set findings = [] -%}
    {%- for rule in input.rules -%}
        {%- set finding = "'" ~ rule.id ~ "' || chr(31) || coalesce(" ~ rule_column(rule)
            ~ ", '') || chr(31) || coalesce(" ~ evidence_text(input, rule) ~ ", '')" -%}
        {%- do findings.append(
            'case when ' ~ rule_applies(rule) ~ ' and (' ~ rule_violated(rule) ~ ') then '
            ~ sql_list([finding]) ~ ' else ' ~ sql_list([]) ~ ' end'
        ) -%}
    {%- endfor -%}
    flatten({{ sql_list(findings) }})
{%- endmacro %}


{#- The columns that violations have of every input, as SQL by name. -#}
{% macro naming_values(input) -%}
    {%- set values = {} -%}
    {%- for name in [
        'site_id', 'patient_id', 'lesion_id', 'form', 'record_key', 'payload_hash', 'source',
        'delivery_file', 'delivery_line',
    ] -%}
        {%- do values.update({name: input_column(input, name)}) -%}
    {%- endfor -%}
    {{ return(values) }}
{%- endmacro %}


{#-
Rules of a judged input that are not about every record, each with a power of two that stands for it.
-#}
{% macro rule_bits(input) -%}
    {%- for rule in input.rules -%}
        {%- set kinds = (rule.checks or []) | map(attribute='kind') | list -%}
        {%- if rule.counts or 'unique' in kinds -%}
            {{ exceptions.raise_compiler_error(
                'rule ' ~ rule.id ~ ': ' ~ input.judged ~ ' has no counts and no look at other records'
            ) }}
        {%- endif -%}
    {%- endfor -%}
    {%- set bits = {} -%}
    {%- for rule in input.rules if rule_applies(rule) != 'true' -%}
        {%- do bits.update({rule.id: 'cast(' ~ 2 ** (bits | length) ~ ' as bigint)'}) -%}
    {%- endfor -%}
    {%- if bits | length > 63 -%}
        {{ exceptions.raise_compiler_error(
            'more rules of ' ~ input.name ~ ' than one number of 64 bits can tell apart'
        ) }}
    {%- endif -%}
    {{ return(bits) }}
{%- endmacro %}


{#- Whether a rule is about a record, by the number that applied_rules made. -#}
{% macro is_about(rule, bits) -%}
    {{ '(applied_rules & ' ~ bits[rule.id] ~ ') <> 0' if rule.id in bits else 'true' }}
{%- endmacro %}


{#- Which of those are about a record, as one number: the sum of what stands for them. -#}
{% macro applied_rules(input) -%}
    {%- set bits = rule_bits(input) -%}
    {%- set terms = [] -%}
    {%- for rule in input.rules if rule.id in bits -%}
        {%- do terms.append(
            'case when ' ~ rule_applies(rule) ~ ' then ' ~ bits[rule.id] ~ ' else 0 end'
        ) -%}
    {%- endfor -%}
    {{ terms | join(' + ') }}
{%- endmacro %}


{#-
CTE <name>_records: the rows of an input, those whose key is not their own flagged for rules that
say a key is unique. Keys are counted by a short hash, and those whose hash is not their own by
themselves: a registry's keys as text would fill the memory, as would a window over every row.
-#}
{% macro input_records(input) -%}
    {%- set uniques = [] -%}
    {%- for rule in input.rules -%}
        {%- for check in rule.checks or [] if check.kind == 'unique' -%}
            {%- do uniques.append((rule, check)) -%}
        {%- endfor -%}
    {%- endfor -%}
{%- for rule, check in uniques %}
{%- set key_hash = short_hash(check.columns) %}
{{ input.name }}_{{ rule.id | lower }} as (
    select {{ check.columns | join(', ') }}
    from {{ ref(input.model) }}
    where
        {{ key_hash }} in (
            select {{ key_hash }}
            from {{ ref(input.model) }}
            group by {{ key_hash }}
            having count(*) > 1
        )
        and {{ rule_applies(rule) }}
        {%- for column in check.columns %}
        and {{ column }} is not null
        {%- endfor %}
    group by {{ check.columns | join(', ') }}
    having count(*) > 1
),
{% endfor %}
{{ input.name }}_records as (
    select
        {%- for rule, check in uniques %}
        {{ rule.id | lower }}.{{ check.columns[0] }} is not null as {{ repeated_flag(rule.id) }},
        {%- endfor %}
        records.*
    from {{ ref(input.model) }} as records
    {%- for rule, check in uniques %}
    left join {{ input.name }}_{{ rule.id | lower }} as {{ rule.id | lower }}
        on
            {%- for column in check.columns %}
            {{ 'and ' if not loop.first }}records.{{ column }} = {{ rule.id | lower }}.{{ column }}
            {%- endfor %}
    {%- endfor %}
)
{%- endmacro %}


{#- One row per part of a text. -#}
{% macro unnested_text(text, mark) -%}
    {{ return(adapter.dispatch('unnested_text')(text, mark)) }}
{%- endmacro %}

{% macro default__unnested_text(text, mark) -%}
    unnest(string_split({{ text }}, '{{ mark }}'))
{%- endmacro %}

{% macro spark__unnested_text(text, mark) -%}
    explode(split({{ text }}, '{{ mark }}'))
{%- endmacro %}


{#- A list of SQL values. -#}
{% macro sql_list(elements) -%}
    {{ return(adapter.dispatch('sql_list')(elements)) }}
{%- endmacro %}

{% macro default__sql_list(elements) -%}
    {{ return('[' ~ elements | join(', ') ~ ']') }}
{%- endmacro %}

{% macro spark__sql_list(elements) -%}
    {{ return('array(' ~ elements | join(', ') ~ ')') }}
{%- endmacro %}


{#- One row per element of a list. -#}
{% macro unnested(list) -%}
    {{ return(adapter.dispatch('unnested')(list)) }}
{%- endmacro %}

{% macro default__unnested(list) -%}
    unnest({{ list }})
{%- endmacro %}

{% macro spark__unnested(list) -%}
    explode({{ list }})
{%- endmacro %}
