-- One row per waiver that was not revoked. Its day of judgement is the build's, never the clock's.
with

waivers as (select * from {{ ref('load_waivers') }}),

findings as (select * from {{ ref('int_query_findings') }}),

-- What was found last, be it by an earlier snapshot: a query that was not looked at since may be
-- waived too.
last_found as (
    select
        query_id,
        max_by(evidence_hash, snapshot_no) as evidence_hash
    from findings
    group by query_id
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
            when cast(waivers.judged_on as date) > cast(waivers.expires as date) then 'expired'
            when waivers.approved_by is null then 'proposed'
            else 'in_force'
        end as status
    from waivers
    left join last_found on waivers.query_id = last_found.query_id
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
