-- One row per expectation of Great Expectations, made from the rules by macro rule_expectations.
with

expectations as (
    select
        listed.expectation_no,
        listed.rule_id,
        listed.table_name,
        listed.expect,
        listed.arguments,
        listed.conditions,
        listed.naming_columns
    from (
        values
        {%- for row in rule_expectations() %}
        (
            {{ loop.index }},
            '{{ row.rule_id }}',
            '{{ row.table_name }}',
            '{{ row.expect }}',
            {{ sql_literal(row.arguments) }},
            {{ sql_literal(row.conditions) }},
            {{ sql_literal(row['keys']) }}
        ){{ ',' if not loop.last }}
        {%- endfor %}
    ) as listed (
        expectation_no, rule_id, table_name, expect, arguments, conditions, naming_columns
    )
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
