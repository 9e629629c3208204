{#-
Every input is read once: records that break any rule are kept, then told once per rule broken. A
rule that a site's deliveries do not allow to be judged (rule_coverage) finds nothing there.
-#}
with

rules as (select * from {{ ref('rules') }}),

sites as (select site_id from {{ ref('ref_sites') }}),

coverage as (select * from {{ ref('rule_coverage') }}),
{% for input in rule_inputs() %}
{%- if input.judged %}
{{ input.name }}_found as (
    select
        {%- for name in naming_values(input) %}
        {{ name }},
        {%- endfor %}
        {{ unnested('findings') }} as finding
    from {{ ref(input.judged) }}
    where findings is not null
),
{%- else %}
{{ input_records(input) }},

{{ input.name }}_found as (
    select
        {%- for name, value in naming_values(input).items() %}
        {{ value }} as {{ name }},
        {%- endfor %}
        {{ unnested(rule_findings(input)) }} as finding
    from {{ input.name }}_records
    where {{ breaks_a_rule(input) | indent(4) }}
),
{%- endif %}
{% endfor %}
found as (
    {%- for input in rule_inputs() %}
    select * from {{ input.name }}_found
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

told as (
    select
        coalesce(sites.site_id, 'ALL') as answering_site_id,
        found.*,
        split_part(finding, chr(31), 1) as rule_id,
        nullif(split_part(finding, chr(31), 2), '') as column_name,
        split_part(finding, chr(31), 3) as evidence
    from found
    left join sites on found.site_id = sites.site_id
),

-- Of records that share a key and differ, one that breaks the rule is told: core's where it does.
ranked as (
    select
        *,
        row_number() over (
            partition by rule_id, form, record_key
            order by
                payload_hash || source desc,
                evidence asc,
                delivery_file asc,
                delivery_line asc,
                patient_id asc,
                lesion_id asc
        ) as version_no
    from told
)

select
    ranked.rule_id,
    rules.severity,
    ranked.answering_site_id as site_id,
    ranked.patient_id,
    ranked.lesion_id,
    ranked.form,
    ranked.record_key,
    ranked.column_name,
    ranked.evidence,
    md5(concat_ws(chr(31), ranked.rule_id, ranked.record_key, ranked.evidence)) as evidence_hash,
    ranked.source,
    ranked.delivery_file as file,
    ranked.delivery_line as line
from ranked
inner join rules on ranked.rule_id = rules.rule_id
left join coverage
    on
        ranked.rule_id = coverage.rule_id
        and ranked.answering_site_id = coverage.site_id
where
    ranked.version_no = 1
    and coalesce(coverage.is_covered, true)
