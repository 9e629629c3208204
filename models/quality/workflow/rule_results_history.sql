-- One row per rule, site and snapshot, this build's own included: the trend over deliveries.
with

snapshots as (select * from {{ ref('quality_snapshots') }}),

rule_results as (select * from {{ ref('rule_results') }}),

earlier_results as (select * from {{ ref('load_rule_results_history') }}),

results as (
    select
        snapshots.snapshot_id,
        snapshots.snapshot_no,
        snapshots.received_at,
        earlier_results.rule_id,
        earlier_results.site_id,
        earlier_results.n_violated,
        earlier_results.n_checked,
        earlier_results.percent,
        earlier_results.threshold_percent,
        earlier_results.status,
        earlier_results.reason
    from earlier_results
    inner join snapshots
        on
            earlier_results.snapshot_id = snapshots.snapshot_id
            and not snapshots.is_current
    union all
    select
        snapshots.snapshot_id,
        snapshots.snapshot_no,
        snapshots.received_at,
        rule_results.rule_id,
        rule_results.site_id,
        rule_results.n_violated,
        rule_results.n_checked,
        rule_results.percent,
        rule_results.threshold_percent,
        rule_results.status,
        rule_results.reason
    from rule_results
    cross join snapshots
    where snapshots.is_current
)

select
    cast(snapshot_id as string) as snapshot_id,
    cast(snapshot_no as integer) as snapshot_no,
    cast(received_at as date) as received_at,
    cast(rule_id as string) as rule_id,
    cast(site_id as string) as site_id,
    cast(n_violated as bigint) as n_violated,
    cast(n_checked as bigint) as n_checked,
    cast(percent as double) as percent,
    cast(threshold_percent as double) as threshold_percent,
    cast(status as string) as status,
    cast(reason as string) as reason
from results
