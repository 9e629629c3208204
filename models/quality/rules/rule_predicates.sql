-- What each rule looks at and when it is violated, as the SQL that ran: for the rule's page.
{%- set found = [] %}
{%- for input in rule_inputs() %}
{%- for rule in input.rules %}
{%- do found.append((rule, input)) %}
{%- endfor %}
{%- endfor %}
with

predicates as (
    {%- for rule, input in found %}
    select
        {{ loop.index }} as predicate_no,
        '{{ rule.id }}' as rule_id,
        '{{ input.model }}' as looks_at,
        {{ sql_literal(rule_applies(rule)) }} as applies,
        {{ sql_literal(rule_violated(rule)) }} as violated
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select
    cast(predicate_no as integer) as predicate_no,
    cast(rule_id as string) as rule_id,
    cast(looks_at as string) as looks_at,
    cast(applies as string) as applies,
    cast(violated as string) as violated
from predicates
