{#-
One row per site and thing watched: how often it happens there and in the whole trial. The tails
are binomial and do not know that lesions of one patient are alike, so they call attention and
prove nothing.
-#}
with

sites as (
    select
        site_id,
        data_centre as source
    from {{ ref('ref_sites') }}
),

lesions as (
    select *
    from {{ ref('fct_lesion') }}
    where is_baseline_lesion and is_operated
),

local_sizes as (
    select
        site_id,
        count(*) as n,
        count(case when size_mm / 5 = floor(size_mm / 5) then 1 end) as k
    from {{ answered_records('read') }}
    where reader_role = 'local' and size_status = 'measured' and size_mm > 0
    group by site_id
),

read_counts as (
    select
        site_id,
        count(*) as n,
        count(case when verdict = 'not_evaluable' then 1 end) as k
    from {{ answered_records('read') }}
    where
        timepoint in ('baseline', 'preop')
        and verdict in ('visible', 'not_visible', 'not_evaluable')
    group by site_id
),

lesion_counts as (
    select
        site_id,
        count(*) as n,
        count(case when is_dlm then 1 end) as n_dlm,
        count(case when reference_verdict = 'indeterminate' then 1 end) as n_indeterminate
    from lesions
    group by site_id
),

sizes as (
    select
        site_id,
        count(*) as n,
        {{ quantile_type7('baseline_size_mm', 0.5) }} as median_size_mm
    from {{ ref('checked_lesion') }}
    where baseline_size_mm is not null
    group by site_id
),

trial_sizes as (
    select {{ quantile_type7('baseline_size_mm', 0.5) }} as median_size_mm
    from {{ ref('checked_lesion') }}
    where baseline_size_mm is not null
),

counted as (
    select
        'sizes_in_fives' as watched,
        site_id,
        k,
        n
    from local_sizes
    union all
    select
        'reads_not_evaluable' as watched,
        site_id,
        k,
        n
    from read_counts
    union all
    select
        'lesions_disappeared' as watched,
        site_id,
        n_dlm as k,
        n
    from lesion_counts
    union all
    select
        'reference_indeterminate' as watched,
        site_id,
        n_indeterminate as k,
        n
    from lesion_counts
    union all
    select
        'baseline_size' as watched,
        site_id,
        cast(null as bigint) as k,
        n
    from sizes
),

totals as (
    select
        watched,
        cast(sum(k) as double) / nullif(cast(sum(n) as double), 0) as trial_share
    from counted
    group by watched
),

shared as (
    select
        counted.watched,
        sites.site_id,
        sites.source,
        cast(counted.k as double) as k,
        cast(counted.n as double) as n,
        totals.trial_share as p,
        1e0 - totals.trial_share as q
    from counted
    inner join sites on counted.site_id = sites.site_id
    inner join totals on counted.watched = totals.watched
),

-- P(X >= k) = I_p(k, n - k + 1), and P(X <= k) the same of what did not happen.
shaped as (
    select
        *,
        k as upper_a,
        n - k + 1e0 as upper_b,
        n - k as lower_a,
        k + 1e0 as lower_b
    from shared
),

tails as (
    select
        *,
        case
            when p > 0 and q > 0 and k > 0
                then {{ incomplete_beta('p', 'q', 'upper_a', 'upper_b') }} -- noqa: PRS
            when k is not null then 1e0
        end as upper_tail,
        case
            when p > 0 and q > 0 and k < n
                then {{ incomplete_beta('q', 'p', 'lower_a', 'lower_b') }} -- noqa: PRS
            when k is not null then 1e0
        end as lower_tail
    from shaped
)

select
    tails.source,
    tails.site_id,
    cast(null as string) as patient_id,
    cast(null as string) as lesion_id,
    cast(null as string) as form,
    tails.site_id || '|' || tails.watched as record_key,
    '' as payload_hash,
    cast(null as string) as delivery_file,
    cast(null as bigint) as delivery_line,
    tails.watched,
    cast(tails.k as bigint) as n_found,
    cast(tails.n as bigint) as n_looked_at,
    round(tails.k / nullif(tails.n, 0e0), 4) as share,
    round(tails.p, 4) as trial_share,
    tails.upper_tail,
    tails.lower_tail,
    sizes.median_size_mm,
    trial_sizes.median_size_mm as trial_median_size_mm
from tails
left join sizes on tails.site_id = sizes.site_id
cross join trial_sizes
