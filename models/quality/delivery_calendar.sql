-- One row per site and form: whether what was due last has come, told from the last day on which
-- anything was received and never from the clock, so that a build can be repeated.
with

calendar as (
    select
        source,
        nullif(site_id, '') as site_id,
        form,
        cast(first_due as date) as first_due,
        cast(every_days as integer) as every_days
    from {{ ref('ref_delivery_calendar') }}
),

sites as (select * from {{ ref('ref_sites') }}),

receipts as (
    select
        source,
        site_id,
        form,
        cast(received_at as date) as received_at
    from {{ ref('load_receipts') }}
),

last_receipt as (select max(received_at) as as_of from receipts),

-- What is said of a site by name goes before what is said of all sites of its source.
expected as (
    select
        calendar.source,
        sites.site_id,
        calendar.form,
        calendar.first_due,
        calendar.every_days,
        last_receipt.as_of
    from calendar
    inner join sites
        on
            calendar.source = sites.data_centre
            and coalesce(calendar.site_id, sites.site_id) = sites.site_id
    left join calendar as of_site
        on
            calendar.source = of_site.source
            and calendar.form = of_site.form
            and sites.site_id = of_site.site_id
    cross join last_receipt
    where
        last_receipt.as_of is not null
        and (calendar.site_id is not null or of_site.site_id is null)
),

counted as (
    select
        *,
        cast(
            floor({{ days_between('first_due', 'as_of') }} / cast(every_days as double)) as integer
        ) as n_periods
    from expected
),

due as (
    select
        *,
        case
            when n_periods >= 0 then {{ days_after('first_due', 'n_periods * every_days') }}
        end as last_due,
        case
            when n_periods > 0
                then {{ days_after('first_due', 'n_periods * every_days - floor(every_days / 2)') }}
        end as earliest_for_last_due
    from counted
),

-- A centre's file for all sites is every site's. A delivery counts for the due date it is nearest
-- to, so that what came late for one is not taken as early for the next.
met as (
    select
        due.source,
        due.site_id,
        due.form,
        due.first_due,
        due.every_days,
        due.as_of,
        due.last_due,
        max(receipts.received_at) as last_received,
        min(
            case
                when
                    due.earliest_for_last_due is null
                    or receipts.received_at > due.earliest_for_last_due
                    then receipts.received_at
            end
        ) as received_for_last_due
    from due
    left join receipts
        on
            due.source = receipts.source
            and due.form = receipts.form
            and coalesce(receipts.site_id, due.site_id) = due.site_id
    group by
        due.source,
        due.site_id,
        due.form,
        due.first_due,
        due.every_days,
        due.as_of,
        due.last_due,
        due.earliest_for_last_due
)

select
    source,
    site_id,
    form,
    first_due,
    every_days,
    as_of,
    last_due,
    last_received,
    case
        when last_due is null then 'not_due'
        when received_for_last_due <= last_due then 'on_time'
        when received_for_last_due is not null then 'late'
        else 'missing'
    end as status,
    case
        when received_for_last_due <= last_due then 0
        else {{ days_between('last_due', 'coalesce(received_for_last_due, as_of)') }}
    end as days_late
from met
