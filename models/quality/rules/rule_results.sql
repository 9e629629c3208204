-- Counts judged by the thresholds. Only ref() is used in this file, so that `dlm` can judge the
-- same counts by other thresholds without checking anything again (dlm.quality.thresholds).
with

counts as (select * from {{ ref('rule_counts') }}),

rules as (select * from {{ ref('rules') }}),

shares as (
    select
        counts.rule_id,
        counts.site_id,
        counts.n_violated,
        counts.n_checked,
        case
            when counts.run_status = 'run'
                then
                    cast(100 as double) * counts.n_violated
                    / cast(nullif(counts.n_checked, 0) as double)
        end as percent,
        rules.threshold_percent,
        rules.severity,
        counts.run_status,
        counts.reason
    from counts
    inner join rules on counts.rule_id = rules.rule_id
)

select
    rule_id,
    site_id,
    n_violated,
    n_checked,
    percent,
    threshold_percent,
    case
        when run_status <> 'run' then run_status
        when n_violated = 0 then 'pass'
        when percent <= threshold_percent then 'pass_with_rows'
        when severity in ('S1', 'S2') then 'fail'
        else 'warn'
    end as status,
    reason
from shares
