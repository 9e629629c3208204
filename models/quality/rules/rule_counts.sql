{#-
What each rule found at each site. Every rule has a row for every site, whatever happened: a rule
that did not run is seen. What no one site answers for (a file of several sites, a total of the
trial) stands under the site 'ALL'.
-#}
{%- set implemented = {} -%}
{%- for input in rule_inputs() -%}
    {%- for rule in input.rules -%}
        {%- do implemented.update({rule.id: rule.unless_any}) -%}
    {%- endfor -%}
{%- endfor -%}
with

rules as (select * from {{ ref('rules') }}),

sites as (select site_id from {{ ref('ref_sites') }}),

violations as (select * from {{ ref('violations') }}),

coverage as (select * from {{ ref('rule_coverage') }}),

-- What to say of a rule that applies to no record; null where that is no lack of anything.
implemented as (
    select
        listed.rule_id,
        listed.unless_any
    from (
        values
        {%- for rule_id, unless_any in implemented.items() %}
        (
            '{{ rule_id }}',
            {{ sql_literal(unless_any) if unless_any else 'cast(null as string)' }}
        ){{ ',' if not loop.last }}
        {%- endfor %}
    ) as listed (rule_id, unless_any)
),
{% for input in rule_inputs() %}
{%- if input.judged %}
{{ input.name }}_alike as (
    select
        site_id,
        applied_rules,
        count(*) as n_records
    from {{ ref(input.judged) }}
    group by site_id, applied_rules
),

{%- set bits = rule_bits(input) %}
{{ input.name }}_counted as (
    select
        site_id,
        {%- for rule in input.rules %}
        cast(
            sum(case when {{ is_about(rule, bits) }} then n_records else 0 end) as bigint
        ) as n_{{ rule.id | lower }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ input.name }}_alike
    group by site_id
),
{%- else %}
{{ input.name }}_counted as (
    select
        site_id,
        {%- for rule in input.rules %}
        {%- set applies = rule_applies(rule) %}
        {%- if rule.counts %}
        cast(coalesce(sum(case when {{ applies }} then {{ rule.counts }} end), 0) as bigint)
        {%- elif applies == 'true' %}
        count(*)
        {%- else %}
        count(case when {{ applies }} then 1 end)
        {%- endif %} as n_{{ rule.id | lower }}{{ ',' if not loop.last }}
        {%- endfor %}
    from {{ ref(input.model) }}
    group by site_id
),
{%- endif %}

{{ input.name }}_long as (
    select
        site_id,
        {%- set counts = [] %}
        {%- for rule in input.rules %}
        {%- do counts.append(
            "'" ~ rule.id ~ "=' || cast(n_" ~ rule.id | lower ~ ' as string)'
        ) %}
        {%- endfor %}
        {{ unnested(sql_list(counts)) }} as counted
    from {{ input.name }}_counted
),
{% endfor %}
counted as (
    {%- for input in rule_inputs() %}
    select * from {{ input.name }}_long
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

checked as (
    select
        split_part(counted.counted, '=', 1) as rule_id,
        coalesce(sites.site_id, 'ALL') as site_id,
        cast(sum(cast(split_part(counted.counted, '=', 2) as bigint)) as bigint) as n_checked
    from counted
    left join sites on counted.site_id = sites.site_id
    group by split_part(counted.counted, '=', 1), coalesce(sites.site_id, 'ALL')
),

-- Judged for the trial as a whole, or for a file of several sites.
judged_for_all as (
    select rule_id
    from checked
    where site_id = 'ALL' and n_checked > 0
),

violated as (
    select
        rule_id,
        site_id,
        count(*) as n_violated
    from violations
    group by rule_id, site_id
),

places as (
    select
        rule_id,
        site_id
    from coverage
    union
    select
        rule_id,
        site_id
    from checked
    where site_id = 'ALL' and n_checked > 0
    union
    select
        rule_id,
        site_id
    from violated
),

joined as (
    select
        places.rule_id,
        places.site_id,
        implemented.rule_id is not null as is_implemented,
        implemented.unless_any,
        judged_for_all.rule_id is not null as is_judged_for_all,
        coalesce(coverage.is_covered, true) as is_covered,
        coverage.reason as uncovered_reason,
        coalesce(violated.n_violated, 0) as n_violated,
        coalesce(checked.n_checked, 0) as n_checked
    from places
    inner join rules on places.rule_id = rules.rule_id
    left join implemented on places.rule_id = implemented.rule_id
    left join judged_for_all on places.rule_id = judged_for_all.rule_id
    left join coverage
        on
            places.rule_id = coverage.rule_id
            and places.site_id = coverage.site_id
    left join violated
        on
            places.rule_id = violated.rule_id
            and places.site_id = violated.site_id
    left join checked
        on
            places.rule_id = checked.rule_id
            and places.site_id = checked.site_id
)

select
    rule_id,
    site_id,
    cast(n_violated as bigint) as n_violated,
    cast(case when is_covered then n_checked else 0 end as bigint) as n_checked,
    case
        when not is_implemented then 'error'
        when not is_covered then 'not_evaluated'
        when n_checked > 0 then 'run'
        when is_judged_for_all then 'not_applicable'
        when unless_any is not null then 'not_evaluated'
        else 'not_applicable'
    end as run_status,
    case
        when not is_implemented then 'the rule has no predicate'
        when not is_covered then uncovered_reason
        when n_checked > 0 then null
        when is_judged_for_all then 'judged for all sites together'
        else coalesce(unless_any, 'no record the rule is about')
    end as reason
from joined
