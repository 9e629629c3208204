-- One row per operated patient and endpoint: what ends its time, or why there is no time.
with

patients as (
    select * from {{ ref('dim_patient') }}
),

sources as (
    select * from {{ ref('int_endpoint_sources') }}
),

surgeries as (
    select * from {{ ref('fct_surgery') }}
),

-- TRIAL rule 6. Censoring at day 0 is for those never assessed since; contact is never supposed.
endpoints as (
    select
        'RFS' as paramcd,
        'Recurrence-free survival' as param,
        true as censors_at_day_0
    union all
    select
        'OS' as paramcd,
        'Overall survival' as param,
        false as censors_at_day_0
),

-- Of two events on one day the first in this order gives the description.
endpoint_rules as (
    select
        'RFS' as paramcd,
        'recurrence' as kind,
        'event' as purpose,
        1 as source_order,
        'recurrence' as description
    union all
    select
        'RFS' as paramcd,
        'death' as kind,
        'event' as purpose,
        2 as source_order,
        'death without recurrence' as description
    union all
    select
        'RFS' as paramcd,
        'disease_assessment' as kind,
        'censoring' as purpose,
        1 as source_order,
        'last disease assessment' as description
    union all
    select
        'OS' as paramcd,
        'death' as kind,
        'event' as purpose,
        1 as source_order,
        'death' as description
    union all
    select
        'OS' as paramcd,
        'last_contact' as kind,
        'censoring' as purpose,
        1 as source_order,
        'last contact' as description
),

day_zeros as (
    select
        patient_id,
        max(stage) as day_zero_stage
    from surgeries
    where is_day_zero
    group by patient_id
),

expected as (
    select
        patients.patient_id,
        patients.patient_key,
        patients.site_id,
        patients.surgery_date as startdt,
        patients.resection_group,
        patients.resection_group_reason,
        concat_ws('|', patients.patient_id, 'stage ' || cast(day_zeros.day_zero_stage as string))
            as day_zero_reference,
        endpoints.paramcd,
        endpoints.param,
        endpoints.censors_at_day_0
    from patients
    left join day_zeros on patients.patient_id = day_zeros.patient_id
    cross join endpoints
    where patients.is_operated
),

candidates as (
    select
        expected.patient_id,
        expected.paramcd,
        expected.startdt,
        expected.censors_at_day_0,
        endpoint_rules.purpose,
        endpoint_rules.source_order,
        endpoint_rules.description,
        sources.kind,
        -- A date known to the month or year is put on day 0 when its stand-in falls before day 0
        -- though the date itself may not.
        case
            when sources.event_date < expected.startdt and sources.date_upper >= expected.startdt
                then expected.startdt
            else sources.event_date
        end as adt,
        sources.date_precision,
        sources.srcdom,
        sources.srcvar,
        sources.srcseq
    from expected
    inner join endpoint_rules on expected.paramcd = endpoint_rules.paramcd
    inner join sources
        on
            expected.patient_id = sources.patient_id
            and endpoint_rules.kind = sources.kind
),

ranked_events as (
    select
        *,
        row_number() over (
            partition by patient_id, paramcd
            order by adt, source_order, srcdom, srcvar, srcseq
        ) as event_order
    from candidates
    where purpose = 'event' and adt is not null
),

undated_events as (
    select
        patient_id,
        paramcd,
        min(description) as description
    from candidates
    where purpose = 'event' and adt is null
    group by patient_id, paramcd
),

ranked_censorings as (
    select
        *,
        row_number() over (
            partition by patient_id, paramcd
            order by adt desc, source_order asc, srcdom asc, srcvar asc, srcseq asc
        ) as censoring_order
    from candidates
    where purpose = 'censoring' and adt is not null and (adt >= startdt or not censors_at_day_0)
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

ended as (
    select
        expected.*,
        case
            when first_events.patient_id is not null then 'event'
            -- an event without any date: the time is not known, and is not that of a censoring
            when undated_events.patient_id is not null then 'undated_event'
            when last_censorings.patient_id is not null then 'censored'
            when expected.censors_at_day_0 then 'censored_at_day_0'
            else 'no_source'
        end as ending,
        first_events.kind as event_kind,
        first_events.description as event_description,
        undated_events.description as undated_description,
        last_censorings.description as censoring_description,
        first_events.adt as event_date,
        last_censorings.adt as censoring_date,
        coalesce(first_events.date_precision, last_censorings.date_precision) as date_precision,
        coalesce(first_events.srcdom, last_censorings.srcdom) as srcdom,
        coalesce(first_events.srcvar, last_censorings.srcvar) as srcvar,
        coalesce(first_events.srcseq, last_censorings.srcseq) as srcseq
    from expected
    left join first_events
        on
            expected.patient_id = first_events.patient_id
            and expected.paramcd = first_events.paramcd
    left join undated_events
        on
            expected.patient_id = undated_events.patient_id
            and expected.paramcd = undated_events.paramcd
    left join last_censorings
        on
            expected.patient_id = last_censorings.patient_id
            and expected.paramcd = last_censorings.paramcd
),

dated as (
    select
        *,
        case ending
            when 'event' then event_date
            when 'censored' then censoring_date
            when 'censored_at_day_0' then startdt
        end as adt
    from ended
),

timed as (
    select
        *,
        {{ days_between('startdt', 'adt') }} as aval
    from dated
)

select
    patient_id,
    patient_key,
    site_id,
    paramcd,
    param,

    ---------- time
    startdt,
    adt,
    aval,
    case when ending = 'event' then 0 when ending like 'censored%' then 1 end as cnsr,

    ---------- what ended it
    case
        when ending = 'event' then event_description
        when ending like 'censored%' then 'censored'
    end as evntdesc,
    case ending
        when 'censored' then censoring_description
        when 'censored_at_day_0' then 'day 0, no disease assessment since'
    end as cnsdtdsc,

    ---------- the record that says so
    case when ending = 'censored_at_day_0' then 'surgery' else srcdom end as srcdom,
    case when ending = 'censored_at_day_0' then 'surgery_date' else srcvar end as srcvar,
    case when ending = 'censored_at_day_0' then day_zero_reference else srcseq end as srcseq,
    date_precision,

    ---------- group
    resection_group,
    resection_group_reason,

    ---------- why there is no time
    case
        when aval is null then 'missing_time'
        when aval < 0 and ending = 'event' and event_kind = 'recurrence'
            then 'recurrence_before_day_0'
        when aval < 0 then 'negative_time'
    end as exclusion_reason,
    case
        when ending = 'undated_event' then undated_description || ', no date known'
        when ending = 'no_source' then 'neither death nor last contact is known'
        when aval is null then 'day 0 is not known'
        when aval < 0
            then
                coalesce(event_description, censoring_description)
                || ' on ' || cast(adt as string) || ', day 0 on ' || cast(startdt as string)
    end as exclusion_detail
from timed
