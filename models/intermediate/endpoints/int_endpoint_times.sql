-- One row per patient and endpoint: what ends its time, or why there is no time. The endpoints,
-- their origins and their sources are the rows of ref_endpoints and ref_endpoint_sources.
with

patients as (
    select *
    from {{ ref('dim_patient') }}
    where {{ in_slice('patient_id') }}
),

origins as (
    select * from {{ ref('int_endpoint_origins') }}
),

sources as (
    select *
    from {{ ref('int_endpoint_sources') }}
    where {{ in_slice('patient_id') }}
),

endpoints as (
    select * from {{ ref('ref_endpoints') }}
),

endpoint_sources as (
    select * from {{ ref('ref_endpoint_sources') }}
),

-- An endpoint asks for every patient who has its origin.
expected as (
    select
        patients.patient_id,
        patients.patient_key,
        patients.site_id,
        {%- for grouping in var('survival_groupings') %}
        patients.{{ grouping.column }},
        {%- endfor %}
        patients.resection_group_reason,
        patients.{{ var('survival_stratum') }} as stratum,
        origins.startdt,
        origins.startdt_precision,
        origins.srcdom as origin_srcdom,
        origins.srcvar as origin_srcvar,
        origins.srcseq as origin_srcseq,
        endpoints.paramcd,
        endpoints.param,
        endpoints.role,
        endpoints.origin,
        endpoints.censors_at_origin,
        replace(endpoints.origin, '_', ' ') as origin_name
    from patients
    inner join origins on patients.patient_id = origins.patient_id
    inner join endpoints on origins.origin = endpoints.origin
),

bounded_sources as (
    select
        *,
        coalesce(date_lower, event_date) as earliest_date,
        {%- if cutoff_date() %}
        least(coalesce(date_upper, event_date), {{ cutoff_date() }}) as latest_date
        {%- else %}
        coalesce(date_upper, event_date) as latest_date
        {%- endif %}
    from sources
),

-- Patients of whom some day is not known; of the others the bounds of a time are the time.
partly_dated as (
    select distinct patient_id
    from bounded_sources
    where earliest_date is distinct from event_date or latest_date is distinct from event_date
),

-- The time by the days that partial dates stand for, and by the first and last they can mean.
dated_sources as (
    select
        *,
        'used' as dating,
        event_date as dated
    from bounded_sources
    {%- for dating in ['earliest', 'latest'] %}
    union all
    select
        bounded_sources.*,
        '{{ dating }}' as dating,
        bounded_sources.{{ dating }}_date as dated
    from bounded_sources
    inner join partly_dated on bounded_sources.patient_id = partly_dated.patient_id
    {%- endfor %}
),

candidates as (
    select
        expected.patient_id,
        expected.paramcd,
        expected.startdt,
        expected.censors_at_origin,
        endpoint_sources.purpose,
        endpoint_sources.source_order,
        endpoint_sources.incidence,
        endpoint_sources.description,
        dated_sources.dating,
        dated_sources.kind,
        -- A date known to the month or year is put on the origin when the day that stands for it
        -- falls before, though the date itself may not.
        dated_sources.dated < expected.startdt and dated_sources.date_upper >= expected.startdt
            as is_put_on_origin,
        case
            when
                dated_sources.dated < expected.startdt
                and dated_sources.date_upper >= expected.startdt
                then expected.startdt
            else dated_sources.dated
        end as adt,
        dated_sources.date_precision,
        dated_sources.srcdom,
        dated_sources.srcvar,
        dated_sources.srcseq
    from expected
    inner join endpoint_sources on expected.paramcd = endpoint_sources.paramcd
    inner join dated_sources
        on
            expected.patient_id = dated_sources.patient_id
            and endpoint_sources.kind = dated_sources.kind
),

-- The first of the events and of those that forestall them ends the time; of two on one day the
-- first in the order of the sources.
ranked_events as (
    select
        *,
        row_number() over (
            partition by patient_id, paramcd, dating
            order by adt, source_order, srcdom, srcvar, srcseq
        ) as event_order
    from candidates
    where purpose in ('event', 'competing') and adt is not null
),

undated_events as (
    select
        patient_id,
        paramcd,
        dating,
        min(description) as description,
        max(case when kind <> 'death' then 1 else 0 end) = 1 as is_before_death
    from candidates
    where purpose in ('event', 'competing') and adt is null
    group by patient_id, paramcd, dating
),

ranked_censorings as (
    select
        *,
        row_number() over (
            partition by patient_id, paramcd, dating
            -- of one day the outcome form before a visit
            order by adt desc, source_order asc, srcdom desc, srcvar asc, srcseq asc
        ) as censoring_order
    from candidates
    where purpose = 'censoring' and adt is not null and (adt >= startdt or not censors_at_origin)
),

last_censorings as (
    select *
    from ranked_censorings
    where censoring_order = 1
),

first_events as (
    select *
    from ranked_events
    where event_order = 1
),

asked as (
    select
        *,
        'used' as dating
    from expected
    {%- for dating in ['earliest', 'latest'] %}
    union all
    select
        expected.*,
        '{{ dating }}' as dating
    from expected
    inner join partly_dated on expected.patient_id = partly_dated.patient_id
    {%- endfor %}
),

ended as (
    select
        asked.*,
        case
            -- a recurrence without any date came before the death, which so is not the first event
            when first_events.kind = 'death' and undated_events.is_before_death
                then 'undated_event'
            when first_events.purpose is not null then first_events.purpose
            -- an event without any date: the time is not known, and is not that of a censoring
            when undated_events.patient_id is not null then 'undated_event'
            when last_censorings.patient_id is not null then 'censored'
            when asked.censors_at_origin then 'censored_at_origin'
            else 'no_source'
        end as ending,
        first_events.kind as event_kind,
        first_events.incidence,
        first_events.description as event_description,
        undated_events.description as undated_description,
        last_censorings.description as censoring_description,
        first_events.adt as event_date,
        last_censorings.adt as censoring_date,
        coalesce(first_events.date_precision, last_censorings.date_precision) as date_precision,
        coalesce(first_events.is_put_on_origin, last_censorings.is_put_on_origin)
            as is_put_on_origin,
        coalesce(first_events.srcdom, last_censorings.srcdom) as srcdom,
        coalesce(first_events.srcvar, last_censorings.srcvar) as srcvar,
        coalesce(first_events.srcseq, last_censorings.srcseq) as srcseq
    from asked
    left join first_events
        on
            asked.patient_id = first_events.patient_id
            and asked.paramcd = first_events.paramcd
            and asked.dating = first_events.dating
    left join undated_events
        on
            asked.patient_id = undated_events.patient_id
            and asked.paramcd = undated_events.paramcd
            and asked.dating = undated_events.dating
    left join last_censorings
        on
            asked.patient_id = last_censorings.patient_id
            and asked.paramcd = last_censorings.paramcd
            and asked.dating = last_censorings.dating
),

dated as (
    select
        *,
        case
            when ending in ('event', 'competing') then event_date
            when ending = 'censored' then censoring_date
            when ending = 'censored_at_origin' then startdt
        end as adt,
        case
            when ending = 'event' then 0
            when ending in ('competing', 'censored', 'censored_at_origin') then 1
        end as cnsr
    from ended
),

timed as (
    select
        *,
        {{ days_between('startdt', 'adt') }} as aval
    from dated
),

-- both bounds beside the time itself
bounds as (
    select
        patient_id,
        paramcd,
        {%- for dating in ['earliest', 'latest'] %}
        max(case when dating = '{{ dating }}' then aval end) as aval_{{ dating }},
        max(case when dating = '{{ dating }}' then cnsr end) as cnsr_{{ dating }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from timed
    where dating <> 'used'
    group by patient_id, paramcd
),

used as (
    select
        timed.*,
        {%- for dating in ['earliest', 'latest'] %}
        {%- for part in ['aval', 'cnsr'] %}
        case
            when bounds.patient_id is null then timed.{{ part }} else bounds.{{ part }}_{{ dating }}
        end as {{ part }}_{{ dating }}
        {{- ',' if not (loop.last and dating == 'latest') }}
        {%- endfor %}
        {%- endfor %}
    from timed
    left join bounds
        on
            timed.patient_id = bounds.patient_id
            and timed.paramcd = bounds.paramcd
    where timed.dating = 'used'
)

select
    patient_id,
    patient_key,
    site_id,
    paramcd,
    param,
    role,
    origin,

    ---------- time
    startdt,
    case startdt_precision when 'month' then 'D' when 'year' then 'M' end as startdtf,
    adt,
    case
        when ending = 'censored_at_origin' then null
        when date_precision = 'month' then 'D'
        when date_precision = 'year' then 'M'
    end as adtf,
    case
        when ending = 'censored_at_origin' then null
        when is_put_on_origin then 'the origin, for the day that stands for it falls before'
        when date_precision = 'month' then '15th of the month'
        when date_precision = 'year' then '1 July of the year'
    end as adt_rule,
    aval,
    cnsr,
    case
        when ending = 'event' and incidence = 'competing' then 2
        when ending = 'event' then 1
        when ending = 'competing' then 2
        when ending like 'censored%' then 0
    end as outcome_code,

    ---------- time if partial dates are as early, or as late, as they can be
    aval_earliest,
    cnsr_earliest,
    aval_latest,
    cnsr_latest,

    ---------- what ended it
    case
        when ending = 'event' then event_description
        when ending = 'competing' or ending like 'censored%' then 'censored'
    end as evntdesc,
    case ending
        when 'competing' then event_description
        when 'censored' then censoring_description
        when 'censored_at_origin' then origin_name || ', no disease assessment since'
    end as cnsdtdsc,

    ---------- the record that says so
    case when ending = 'censored_at_origin' then origin_srcdom else srcdom end as srcdom,
    case when ending = 'censored_at_origin' then origin_srcvar else srcvar end as srcvar,
    case when ending = 'censored_at_origin' then origin_srcseq else srcseq end as srcseq,
    case when ending <> 'censored_at_origin' then date_precision end as date_precision,

    ---------- groups; what is only known after the origin is none
    {%- for grouping in var('survival_groupings') %}
    case
        when {{ known_at_origin(grouping.known_at) }} then {{ grouping.column }}
    end as {{ grouping.column }},
    {%- endfor %}
    case
        when not {{ known_at_origin('day_0') }} then 'known_after_origin'
        else resection_group_reason
    end as resection_group_reason,
    stratum,

    ---------- why there is no time
    case
        when ending = 'undated_event' then 'event_undated'
        when ending = 'no_source' then 'no_contact'
        when aval is null then 'missing_time'
        when
            aval < 0 and ending in ('event', 'competing') and event_kind like '%recurrence%'
            then 'recurrence_before_' || origin
        when aval < 0 then 'negative_time'
    end as exclusion_reason,
    case
        when ending = 'undated_event' then undated_description || ', no date known'
        when ending = 'no_source' then 'neither death nor last contact is known'
        when aval is null then origin_name || ' is not known'
        when aval < 0
            then
                coalesce(event_description, censoring_description)
                || ' on ' || cast(adt as string)
                || ', ' || origin_name || ' on ' || cast(startdt as string)
    end as exclusion_detail
from used
