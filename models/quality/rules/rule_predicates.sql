-- What each rule looks at and when it is violated, as the SQL that ran: for the rule's page.
{%- set found = [] %}
{%- for input in rule_inputs() %}
{%- for rule in input.rules %}
{%- do found.append((rule, input)) %}
{%- endfor %}
{%- endfor %}
with

predicates as (
    select
        listed.predicate_no,
        listed.rule_id,
        listed.looks_at,
        listed.applies,
        listed.violated
    from (
        values
        {%- for rule, input in found %}
        (
            {{ loop.index }},
            '{{ rule.id }}',
            '{{ input.model }}',
            {{ sql_literal(rule_applies(rule)) }},
            {{ sql_literal(rule_violated(rule)) }}
        ){{ ',' if not loop.last }}
        {%- endfor %}
    ) as listed (predicate_no, rule_id, looks_at, applies, violated)
)

select
    cast(predicate_no as integer) as predicate_no,
    cast(rule_id as string) as rule_id,
    cast(looks_at as string) as looks_at,
    cast(applies as string) as applies,
    cast(violated as string) as violated
from predicates
