-- One row per waiver that was not revoked. Its day of judgement is the build's, never the clock's.
with

waivers as (select * from {{ ref('load_waivers') }}),

results as (select * from {{ ref('rule_results_history') }}),

waived as (select distinct query_id from waivers),

findings as (
    select
        found.query_id,
        found.snapshot_no,
        found.rule_id,
        found.site_id,
        found.evidence_hash
    from {{ ref('int_query_findings') }} as found
    inner join waived on found.query_id = waived.query_id
),

-- What was found last, be it by an earlier snapshot: a query that was not looked at since may be
-- waived too.
last_found as (
    select
        query_id,
        min(rule_id) as rule_id,
        min(site_id) as site_id,
        max(snapshot_no) as snapshot_no,
        max_by(evidence_hash, snapshot_no) as evidence_hash
    from findings
    group by query_id
),

-- Other values, or none, were found in between, so what is found now is not what was waived.
broken as (
    select distinct
        waivers.query_id,
        waivers.evidence_hash,
        waivers.approved_snapshot_no
    from waivers
    inner join last_found on waivers.query_id = last_found.query_id
    inner join results
        on
            last_found.rule_id = results.rule_id
            and last_found.site_id = results.site_id
            and waivers.approved_snapshot_no < results.snapshot_no
            and last_found.snapshot_no > results.snapshot_no
    left join findings
        on
            waivers.query_id = findings.query_id
            and waivers.evidence_hash = findings.evidence_hash
            and results.snapshot_no = findings.snapshot_no
    where
        {{ looked_at('results.status', 'true') }}
        and findings.query_id is null
),

judged as (
    select
        waivers.query_id,
        waivers.evidence_hash,
        waivers.reason,
        waivers.author,
        cast(waivers.waived_at as date) as waived_at,
        cast(waivers.expires as date) as expires,
        waivers.approved_by,
        cast(waivers.approved_at as date) as approved_at,
        case
            when last_found.query_id is null then 'not_found'
            when last_found.evidence_hash <> waivers.evidence_hash then 'lapsed'
            when broken.query_id is not null then 'lapsed'
            when cast(waivers.judged_on as date) > cast(waivers.expires as date) then 'expired'
            when waivers.approved_by is null then 'proposed'
            else 'in_force'
        end as status
    from waivers
    left join last_found on waivers.query_id = last_found.query_id
    left join broken
        on
            waivers.query_id = broken.query_id
            and waivers.evidence_hash = broken.evidence_hash
            and waivers.approved_snapshot_no = broken.approved_snapshot_no
)

select
    cast(query_id as string) as query_id,
    cast(evidence_hash as string) as evidence_hash,
    cast(reason as string) as reason,
    cast(author as string) as author,
    waived_at,
    expires,
    cast(approved_by as string) as approved_by,
    approved_at,
    status
from judged
