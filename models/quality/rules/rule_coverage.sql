{#- One row per rule and site: whether what the site delivered allows the rule to be judged. -#}
{%- set needs = {} -%}
{%- set ids = {} -%}
{%- for input in rule_inputs() -%}
    {%- do ids.update({input.name: input.rules | map(attribute='id') | list}) -%}
    {%- for rule in input.rules -%}
        {%- for form in rule_needs(input, rule) -%}
            {%- do needs.update({rule.id ~ '|' ~ form: (rule.id, form)}) -%}
        {%- endfor -%}
    {%- endfor -%}
{%- endfor -%}
with

rules as (select rule_id from {{ ref('rules') }}),

sites as (
    select
        site_id,
        data_centre
    from {{ ref('ref_sites') }}
),

row_accounting as (select * from {{ ref('row_accounting') }}),

forms as (
    {%- for form in form_names() %}
    select '{{ form }}' as form
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

-- A rule judged over several forms is about what is there; only single needs can be missing.
needs as (
    select
        listed.rule_id,
        listed.form
    from (
        values
        {%- for rule_id, form in needs.values() %}
        ('{{ rule_id }}', '{{ form }}'){{ ',' if not loop.last }}
        {%- endfor %}
    ) as listed (rule_id, form)
),

-- A file that holds several sites, or several forms, is every site's and every form's.
delivered as (
    select distinct
        sites.site_id,
        forms.form
    from sites
    cross join forms
    inner join row_accounting
        on
            sites.data_centre = row_accounting.source
            and coalesce(row_accounting.site_id, sites.site_id) = sites.site_id
            and coalesce(row_accounting.form, forms.form) = forms.form
),

sending_sites as (
    {%- for form in form_names() %}
    select site_id from {{ answered_records(form) }}
    {%- if not loop.last %}
    union
    {%- endif %}
    {%- endfor %}
),

-- A site all of whose records are gone has sent nothing, and that is what these rules tell.
losing_sites as (
    select distinct site_id
    from {{ ref('checked_change') }}
    where kind = 'change' and not is_back
),

-- A file of its own tells what these rules look at, also one of which no record can be read.
filing_sites as (
    select distinct site_id
    from row_accounting
    where site_id is not null
),

heard_of as (
    select
        rules.rule_id,
        sending_sites.site_id
    from rules
    cross join sending_sites
    union
    select
        rules.rule_id,
        losing_sites.site_id
    from rules
    cross join losing_sites
    where rules.rule_id in ({{ sql_literals(ids.change) }})
    union
    select
        rules.rule_id,
        filing_sites.site_id
    from rules
    cross join filing_sites
    where rules.rule_id in ({{ sql_literals(ids.delivery) }})
),

missing_forms as (
    select
        needs.rule_id,
        sites.site_id,
        {{ sorted_texts('needs.form') }} as forms
    from needs
    cross join sites
    left join delivered
        on
            needs.form = delivered.form
            and sites.site_id = delivered.site_id
    where delivered.site_id is null
    group by needs.rule_id, sites.site_id
)

select
    rules.rule_id,
    sites.site_id,
    heard_of.site_id is not null and missing_forms.rule_id is null as is_covered,
    case
        when heard_of.site_id is null then 'no record of the site was delivered'
        when missing_forms.rule_id is not null
            then 'not delivered by the site: ' || missing_forms.forms
    end as reason
from rules
cross join sites
left join heard_of
    on
        rules.rule_id = heard_of.rule_id
        and sites.site_id = heard_of.site_id
left join missing_forms
    on
        rules.rule_id = missing_forms.rule_id
        and sites.site_id = missing_forms.site_id
