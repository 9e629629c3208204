{#-
One row per read that a site sent: which rules are about it, and what they find. What they look at
(`checked_read`) is part of this query and not written down: it has 60 columns, and nearly all reads
are in order. Of those that are not, the columns that name them are kept. dbt takes queries of up to
10,000 tokens apart to put one into another; this one has half of that.
-#}
{%- set input = rule_input('read') -%}
with

records as (select * from {{ ref(input.model) }}),

judged as (
    select
        *,
        {{ applied_rules(input) }} as applied_rules,
        case
            when {{ breaks_a_rule(input) | indent(12) }}
                then {{ rule_findings(input) }}
        end as findings
    from records
)

select
    site_id,

    ---------- by what sites are compared
    timepoint,
    verdict,
    size_mm,
    size_status,
    reader_role,

    ---------- what rules say
    applied_rules,
    findings,
    {%- for name, value in naming_values(input).items() if name != 'site_id' %}
    case when findings is not null then {{ value }} end as {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from judged
