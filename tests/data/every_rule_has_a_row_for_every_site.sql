-- A check that did not run is seen: every rule of the catalogue has a result for every site, once.
with

expected as (
    select
        rules.rule_id,
        sites.site_id
    from {{ ref('rules') }} as rules
    cross join {{ ref('ref_sites') }} as sites
),

found as (
    select
        rule_id,
        site_id,
        count(*) as n_rows
    from {{ ref('rule_results') }}
    group by rule_id, site_id
)

select
    expected.rule_id,
    expected.site_id,
    found.n_rows
from expected
left join found
    on
        expected.rule_id = found.rule_id
        and expected.site_id = found.site_id
where coalesce(found.n_rows, 0) <> 1
