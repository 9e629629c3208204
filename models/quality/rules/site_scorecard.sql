{#-
One row per site, for a funnel and not for a league table: findings per hundred records, around
what the whole trial has. The limits are those of a binomial share near the trial's, by the normal
approximation; small sites get wide ones, and a site with too few records none.
-#}
{%- set limits = [
    ('95', 0.975), ('998', 0.999),
] -%}
with

sites as (select * from {{ ref('ref_sites') }}),

patients as (select * from {{ ref('dim_patient') }}),

lesions as (select * from {{ ref('fct_lesion') }}),

violations as (select * from {{ ref('violations') }}),

queries as (select * from {{ ref('queries') }}),

results as (select * from {{ ref('rule_results') }}),

row_accounting as (select * from {{ ref('row_accounting') }}),

calendar as (select * from {{ ref('delivery_calendar') }}),

receipts as (select * from {{ ref('load_receipts') }}),

record_counts as (
    {%- for form in form_names() %}
    select
        site_id,
        '{{ form }}' as form,
        count(*) as n
    from {{ answered_records(form) }}
    group by site_id
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

of_records as (
    select
        site_id,
        sum(n) as n_records,
        sum(case when form = 'read' then n else 0 end) as n_reads
    from record_counts
    group by site_id
),

of_patients as (
    select
        site_id,
        count(*) as n_patients
    from patients
    group by site_id
),

of_lesions as (
    select
        site_id,
        count(*) as n_lesions
    from lesions
    group by site_id
),

of_violations as (
    select
        site_id
        {%- for severity in ['s1', 's2', 's3', 's4'] %},
        count(case when severity = '{{ severity | upper }}' then 1 end) as n_{{ severity }}
        {%- endfor %}
    from violations
    group by site_id
),

-- A record with several findings counts once, so that the rate is a share of records; what is said
-- of files, and of records no longer delivered, is of none.
faulty_records as (
    select distinct
        site_id,
        form,
        record_key
    from violations
    where
        severity <> 'S4'
        and rule_id in (
            {%- for rule_id in rules_of_forms() %}
            '{{ rule_id }}'{{ ',' if not loop.last }}
            {%- endfor %}
        )
),

of_faulty_records as (
    select
        site_id,
        count(*) as n_faulty
    from faulty_records
    group by site_id
),

of_queries as (
    select
        site_id
        {%- for severity in ['s1', 's2', 's3', 's4'] %},
        count(case when severity = '{{ severity | upper }}' then 1 end) as n_{{ severity }}
        {%- endfor %},
        count(*) as n_open,
        max(age_days) as oldest_days
    from queries
    where state not in ('resolved', 'waived')
    group by site_id
),

of_results as (
    select
        site_id,
        count(case when status in ('fail', 'error') then 1 end) as n_failed,
        count(case when status = 'not_evaluated' then 1 end) as n_not_evaluated
    from results
    group by site_id
),

of_quarantine as (
    select
        site_id,
        sum(quarantined) as n_quarantined
    from row_accounting
    where site_id is not null
    group by site_id
),

of_receipts as (
    select
        sites.site_id,
        max(cast(receipts.received_at as date)) as last_received
    from sites
    inner join receipts
        on
            sites.data_centre = receipts.source
            and coalesce(receipts.site_id, sites.site_id) = sites.site_id
    group by sites.site_id
),

-- The worst of a site's forms stands for it.
of_calendar as (
    select
        site_id,
        max(
            case status when 'missing' then 4 when 'late' then 3 when 'on_time' then 2 else 1 end
        ) as worst
    from calendar
    group by site_id
),

joined as (
    select
        sites.site_id,
        coalesce(of_patients.n_patients, 0) as n_patients,
        coalesce(of_lesions.n_lesions, 0) as n_lesions,
        coalesce(of_records.n_reads, 0) as n_reads,
        coalesce(of_records.n_records, 0) as n_records,
        coalesce(of_quarantine.n_quarantined, 0) as n_quarantined,
        {%- for severity in ['s1', 's2', 's3', 's4'] %}
        coalesce(of_violations.n_{{ severity }}, 0) as n_violations_{{ severity }},
        {%- endfor %}
        {%- for severity in ['s1', 's2', 's3', 's4'] %}
        coalesce(of_queries.n_{{ severity }}, 0) as n_open_{{ severity }},
        {%- endfor %}
        coalesce(of_queries.n_open, 0) as n_queries_open,
        of_queries.oldest_days as oldest_open_days,
        coalesce(of_results.n_failed, 0) as n_rules_failed,
        coalesce(of_results.n_not_evaluated, 0) as n_rules_not_evaluated,
        cast(coalesce(of_faulty_records.n_faulty, 0) as double) as n_faulty,
        of_receipts.last_received,
        case of_calendar.worst
            when 4 then 'missing'
            when 3 then 'late'
            when 2 then 'on_time'
            when 1 then 'not_due'
        end as delivery_status
    from sites
    left join of_patients on sites.site_id = of_patients.site_id
    left join of_lesions on sites.site_id = of_lesions.site_id
    left join of_records on sites.site_id = of_records.site_id
    left join of_quarantine on sites.site_id = of_quarantine.site_id
    left join of_violations on sites.site_id = of_violations.site_id
    left join of_faulty_records on sites.site_id = of_faulty_records.site_id
    left join of_queries on sites.site_id = of_queries.site_id
    left join of_results on sites.site_id = of_results.site_id
    left join of_receipts on sites.site_id = of_receipts.site_id
    left join of_calendar on sites.site_id = of_calendar.site_id
),

totals as (
    select
        cast(sum(n_faulty) as double) as n_faulty,
        cast(sum(n_records) as double) as n_records
    from joined
),

trial as (
    select n_faulty / nullif(n_records, 0e0) as trial_share
    from totals
),

shared as (
    select
        joined.*,
        joined.n_faulty / nullif(cast(joined.n_records as double), 0e0) as share,
        trial.trial_share,
        -- the normal approximation is not used where it fails
        case
            when
                joined.n_records * trial.trial_share >= {{ var('quality').funnel_expected_min }}
                and joined.n_records * (1e0 - trial.trial_share)
                >= {{ var('quality').funnel_expected_min }}
                then sqrt(
                    trial.trial_share * (1e0 - trial.trial_share)
                    / cast(joined.n_records as double)
                )
        end as std_err
    from joined
    cross join trial
),

bounded as (
    select
        *,
        100e0 * share as violations_per_100_records,
        100e0 * trial_share as funnel_center
        {%- for name, quantile in limits %},
        100e0 * greatest(0e0, trial_share - {{ normal_quantile(quantile) }} * std_err)
            as funnel_lower_{{ name }},
        100e0 * least(1e0, trial_share + {{ normal_quantile(quantile) }} * std_err)
            as funnel_upper_{{ name }}
        {%- endfor %}
    from shared
)

select
    cast(site_id as string) as site_id,

    ---------- how much there is
    cast(n_patients as bigint) as n_patients,
    cast(n_lesions as bigint) as n_lesions,
    cast(n_reads as bigint) as n_reads,
    cast(n_records as bigint) as n_records,
    cast(n_quarantined as bigint) as n_quarantined,

    ---------- findings
    {%- for kind in ['violations', 'open'] %}
    {%- for severity in ['s1', 's2', 's3', 's4'] %}
    cast(n_{{ kind }}_{{ severity }} as bigint) as n_{{ kind }}_{{ severity }},
    {%- endfor %}
    {%- endfor %}
    cast(n_queries_open as bigint) as n_queries_open,
    cast(oldest_open_days as integer) as oldest_open_days,
    cast(n_rules_failed as bigint) as n_rules_failed,
    cast(n_rules_not_evaluated as bigint) as n_rules_not_evaluated,

    ---------- funnel
    violations_per_100_records,
    funnel_center,
    {%- for name, _ in limits %}
    case when std_err is not null then funnel_lower_{{ name }} end as funnel_lower_{{ name }},
    case when std_err is not null then funnel_upper_{{ name }} end as funnel_upper_{{ name }},
    {%- endfor %}
    case
        when std_err is null or violations_per_100_records is null then 'not_estimable'
        when violations_per_100_records > funnel_upper_998 then 'above_998'
        when violations_per_100_records < funnel_lower_998 then 'below_998'
        when violations_per_100_records > funnel_upper_95 then 'above_95'
        when violations_per_100_records < funnel_lower_95 then 'below_95'
        else 'inside'
    end as funnel_status,

    ---------- deliveries
    last_received,
    delivery_status
from bounded
