-- One row per query: a site, a rule and a record it was ever found at. What a query is follows from
-- the snapshots in order: at each the rule found it, looked and did not find it, or did not look;
-- only one that looked can resolve it.
with

findings as {{ read_anew() }}(select * from {{ ref('int_query_findings') }}),

results as (select * from {{ ref('rule_results_history') }}),

snapshots as (select * from {{ ref('quality_snapshots') }}),

rules as (select * from {{ ref('rules') }}),

waivers as (select * from {{ ref('waivers') }}),

-- Of earlier evidence a reply tells ten digits of the hash.
replies as (
    select
        query_id,
        left(evidence_hash, 10) as evidence_digits,
        reply,
        replied_at,
        reply_no
    from {{ ref('load_replies') }}
),

as_of as (
    select
        snapshot_no,
        received_at
    from snapshots
    where is_current
),

-- So often had the rule looked by then at a record of the site. One that is found again is taken to
-- have been there all the time: earlier snapshots do not tell.
looks as (
    select
        rule_id,
        site_id,
        snapshot_no,
        sum(case when {{ looked_at('status', 'true') }} then 1 else 0 end) over (
            partition by rule_id, site_id
            order by snapshot_no asc
            rows between unbounded preceding and current row
        ) as n_looks
    from results
),

-- No texts of findings go through the windows: a registry has millions of queries.
numbered as (
    select
        findings.query_id,
        findings.snapshot_no,
        findings.evidence_hash,
        coalesce(looks.n_looks, 0) as n_looks
    from findings
    left join looks
        on
            findings.rule_id = looks.rule_id
            and findings.site_id = looks.site_id
            and findings.snapshot_no = looks.snapshot_no
),

-- More than one look since it was found before: it was gone in between.
compared as (
    select
        query_id,
        snapshot_no,
        n_looks - lag(n_looks) over (
            partition by query_id
            order by snapshot_no asc
        ) > 1 as is_reopened,
        lag(snapshot_no) over (
            partition by query_id
            order by snapshot_no asc
        ) as previous_snapshot_no,
        lag(evidence_hash) over (
            partition by query_id
            order by snapshot_no asc
        ) as previous_evidence_hash,
        lead(snapshot_no) over (
            partition by query_id
            order by snapshot_no asc
        ) is null as is_last
    from numbered
),

first_found as (
    select
        query_id,
        min(received_at) as first_seen,
        min(snapshot_no) as first_snapshot_no
    from findings
    group by query_id
),

reopenings as (
    select
        query_id,
        count(*) as n_reopened
    from compared
    where is_reopened
    group by query_id
),

-- Asked of the few records that nothing is found at any more, for a registry has many millions.
not_found_now as (
    select
        findings.query_id,
        findings.snapshot_no,
        findings.rule_id,
        findings.site_id,
        findings.form,
        findings.record_key
    from findings
    inner join compared
        on
            findings.query_id = compared.query_id
            and findings.snapshot_no = compared.snapshot_no
    where compared.is_last and not findings.is_current
),

not_found_records as (
    select distinct
        form,
        record_key
    from not_found_now
),

records as (
    select distinct
        sources.form,
        sources.record_key
    from {{ ref('record_sources') }} as sources
    inner join not_found_records
        on
            sources.form = not_found_records.form
            and sources.record_key = not_found_records.record_key
),

looked_at_since as (
    select
        not_found_now.query_id,
        min(results.received_at) as resolved_at
    from not_found_now
    inner join results
        on
            not_found_now.rule_id = results.rule_id
            and not_found_now.site_id = results.site_id
            and not_found_now.snapshot_no < results.snapshot_no
    left join records
        on
            not_found_now.form = records.form
            and not_found_now.record_key = records.record_key
    where {{ looked_at(
        'results.status', '(not_found_now.form is null or records.record_key is not null)'
    ) }}
    group by not_found_now.query_id
),

-- At most one waiver is told of a query: the one in force, else the last proposed.
told_waivers as (
    select
        *,
        row_number() over (
            partition by query_id
            order by
                case status when 'in_force' then 1 else 2 end asc,
                expires desc,
                waived_at desc,
                reason asc,
                author asc
        ) as waiver_no
    from waivers
    where status in ('in_force', 'proposed')
),

last_replies as (
    select
        *,
        row_number() over (partition by query_id order by reply_no desc) as from_last,
        row_number() over (
            partition by query_id, evidence_digits
            order by reply_no desc
        ) as from_last_to_evidence
    from replies
),

-- What a query's findings say together, in one narrow row.
history as (
    select
        compared.query_id,
        compared.snapshot_no,
        compared.is_reopened,
        compared.previous_snapshot_no,
        compared.previous_evidence_hash,
        first_found.first_seen,
        first_found.first_snapshot_no,
        coalesce(reopenings.n_reopened, 0) as n_reopened,
        looked_at_since.query_id is not null as is_looked_at_since,
        looked_at_since.resolved_at
    from compared
    inner join first_found on compared.query_id = first_found.query_id
    left join reopenings on compared.query_id = reopenings.query_id
    left join looked_at_since on compared.query_id = looked_at_since.query_id
    where compared.is_last
),

judged as (
    select
        findings.*,
        history.first_seen,
        history.resolved_at,
        history.n_reopened,
        earlier.evidence as previous_evidence,
        as_of.received_at as as_of,
        case
            when not findings.is_current and history.is_looked_at_since then 'resolved'
            when told_waivers.status = 'in_force' then 'waived'
            when not findings.is_current then 'not_evaluated'
            when history.first_snapshot_no = findings.snapshot_no then 'new'
            when history.is_reopened then 'reopened'
            when findings.evidence_hash <> history.previous_evidence_hash then 'changed'
            else 'open'
        end as state,
        told_waivers.reason as waiver_reason,
        told_waivers.author as waiver_author,
        told_waivers.approved_by as waiver_approved_by,
        told_waivers.expires as waiver_expires,
        coalesce(current_replies.reply, last_replies.reply) as reply,
        coalesce(current_replies.replied_at, last_replies.replied_at) as replied_at,
        case
            when last_replies.query_id is not null then current_replies.query_id is not null
        end as is_reply_current
    from findings
    inner join history
        on
            findings.query_id = history.query_id
            and findings.snapshot_no = history.snapshot_no
    left join findings as earlier
        on
            history.query_id = earlier.query_id
            and history.previous_snapshot_no = earlier.snapshot_no
    cross join as_of
    left join told_waivers
        on
            findings.query_id = told_waivers.query_id
            and told_waivers.waiver_no = 1
            and not history.is_looked_at_since
    left join last_replies
        on
            findings.query_id = last_replies.query_id
            and last_replies.from_last = 1
    left join last_replies as current_replies
        on
            findings.query_id = current_replies.query_id
            and left(findings.evidence_hash, 10) = current_replies.evidence_digits
            and current_replies.from_last_to_evidence = 1
)

select
    judged.query_id,
    judged.rule_id,
    coalesce(rules.severity, judged.severity) as severity,
    judged.site_id,

    ---------- record
    judged.patient_id,
    judged.lesion_id,
    judged.form,
    judged.record_key,
    judged.column_name,
    judged.file,
    judged.line,

    ---------- finding
    judged.state,
    judged.evidence,
    judged.evidence_hash,
    case
        when judged.evidence <> judged.previous_evidence then judged.previous_evidence
    end as previous_evidence,

    ---------- when
    judged.first_seen,
    judged.received_at as last_seen,
    judged.resolved_at,
    {{ days_between('judged.first_seen', 'coalesce(judged.resolved_at, judged.as_of)') }}
        as age_days,
    cast(judged.n_reopened as integer) as n_reopened,

    ---------- what people did
    judged.waiver_reason,
    judged.waiver_author,
    judged.waiver_approved_by,
    judged.waiver_expires,
    cast(judged.reply as string) as reply,
    cast(judged.replied_at as date) as replied_at,
    judged.is_reply_current
from judged
left join rules on judged.rule_id = rules.rule_id
