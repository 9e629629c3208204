-- One row per query: a site, a rule and a record it was ever found at. What a query is follows from
-- the snapshots in order: at each the rule found it, ran and did not find it, or did not run, and
-- only what ran can resolve it.
{%- set ran = "status in ('pass', 'pass_with_rows', 'warn', 'fail')" %}
with

findings as (select * from {{ ref('int_query_findings') }}),

results as (select * from {{ ref('rule_results_history') }}),

snapshots as (select * from {{ ref('quality_snapshots') }}),

rules as (select * from {{ ref('rules') }}),

records as (
    select distinct
        form,
        record_key
    from {{ ref('record_sources') }}
),

waivers as (select * from {{ ref('waivers') }}),

replies as (select * from {{ ref('load_replies') }}),

as_of as (
    select
        snapshot_no,
        received_at
    from snapshots
    where is_current
),

-- So often had the rule run at the site by then.
runs as (
    select
        rule_id,
        site_id,
        snapshot_no,
        sum(case when {{ ran }} then 1 else 0 end) over (
            partition by rule_id, site_id
            order by snapshot_no asc
            rows between unbounded preceding and current row
        ) as n_runs
    from results
),

numbered as (
    select
        findings.*,
        coalesce(runs.n_runs, 0) as n_runs
    from findings
    left join runs
        on
            findings.rule_id = runs.rule_id
            and findings.site_id = runs.site_id
            and findings.snapshot_no = runs.snapshot_no
),

-- More than one run since it was found before: it was gone in between.
compared as (
    select
        *,
        n_runs - lag(n_runs) over (
            partition by rule_id, site_id, form, record_key, column_name
            order by snapshot_no asc
        ) > 1 as is_reopened,
        lag(evidence) over (
            partition by rule_id, site_id, form, record_key, column_name
            order by snapshot_no asc
        ) as previous_evidence,
        lag(evidence_hash) over (
            partition by rule_id, site_id, form, record_key, column_name
            order by snapshot_no asc
        ) as previous_evidence_hash,
        row_number() over (
            partition by rule_id, site_id, form, record_key, column_name
            order by snapshot_no desc
        ) as from_last,
        min(received_at) over (
            partition by rule_id, site_id, form, record_key, column_name
        ) as first_seen,
        min(snapshot_no) over (
            partition by rule_id, site_id, form, record_key, column_name
        ) as first_snapshot_no
    from numbered
),

reopenings as (
    select
        query_id,
        count(*) as n_reopened
    from compared
    where is_reopened
    group by query_id
),

last_found as (
    select *
    from compared
    where from_last = 1
),

-- A rule that applies to no record any more has resolved a query only if the record is still there:
-- else nothing was looked at.
looked_at_since as (
    select
        last_found.query_id,
        min(results.received_at) as resolved_at
    from last_found
    inner join results
        on
            last_found.rule_id = results.rule_id
            and last_found.site_id = results.site_id
            and last_found.snapshot_no < results.snapshot_no
    left join records
        on
            last_found.form = records.form
            and last_found.record_key = records.record_key
    where
        not last_found.is_current
        and (
            results.{{ ran }}
            or (
                results.status = 'not_applicable'
                and (last_found.form is null or records.record_key is not null)
            )
        )
    group by last_found.query_id
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
        row_number() over (partition by query_id order by reply_no desc) as from_last
    from replies
),

judged as (
    select
        last_found.*,
        as_of.received_at as as_of,
        looked_at_since.resolved_at,
        coalesce(reopenings.n_reopened, 0) as n_reopened,
        case
            when not last_found.is_current and looked_at_since.query_id is not null
                then 'resolved'
            when told_waivers.status = 'in_force' then 'waived'
            when not last_found.is_current then 'not_evaluated'
            when last_found.first_snapshot_no = last_found.snapshot_no then 'new'
            when last_found.is_reopened then 'reopened'
            when last_found.evidence_hash <> last_found.previous_evidence_hash then 'changed'
            else 'open'
        end as state,
        told_waivers.reason as waiver_reason,
        told_waivers.author as waiver_author,
        told_waivers.approved_by as waiver_approved_by,
        told_waivers.expires as waiver_expires,
        last_replies.reply,
        last_replies.replied_at
    from last_found
    cross join as_of
    left join looked_at_since on last_found.query_id = looked_at_since.query_id
    left join reopenings on last_found.query_id = reopenings.query_id
    left join told_waivers
        on
            last_found.query_id = told_waivers.query_id
            and told_waivers.waiver_no = 1
            and looked_at_since.query_id is null
    left join last_replies
        on
            last_found.query_id = last_replies.query_id
            and last_replies.from_last = 1
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
    cast(judged.replied_at as date) as replied_at
from judged
left join rules on judged.rule_id = rules.rule_id
