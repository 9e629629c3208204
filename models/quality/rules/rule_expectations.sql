-- One row per expectation of Great Expectations, made from the rules by macro rule_expectations.
with

expectations as (
    {%- for row in rule_expectations() %}
    select
        {{ loop.index }} as expectation_no,
        '{{ row.rule_id }}' as rule_id,
        '{{ row.table_name }}' as table_name,
        '{{ row.expect }}' as expect,
        {{ sql_literal(row.arguments) }} as arguments,
        {{ sql_literal(row.conditions) }} as conditions,
        {{ sql_literal(row['keys']) }} as naming_columns
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

rules as (select * from {{ ref('rules') }})

select
    cast(expectations.expectation_no as integer) as expectation_no,
    cast(expectations.rule_id as string) as rule_id,
    cast(expectations.table_name as string) as table_name,
    cast(expectations.expect as string) as expect,
    cast(expectations.arguments as string) as arguments,
    cast(expectations.conditions as string) as conditions,
    cast(expectations.naming_columns as string) as naming_columns,
    rules.severity,
    rules.title_en,
    rules.title_ja,
    rules.message_en,
    rules.message_ja
from expectations
inner join rules on expectations.rule_id = rules.rule_id
