-- Who has the origin of an endpoint has a time or a reason; times are what their dates say.
with

time_to_event as (
    select * from {{ ref('time_to_event') }}
),

endpoint_exclusions as (
    select * from {{ ref('endpoint_exclusions') }}
),

expected as (
    select
        origins.patient_id,
        endpoints.paramcd
    from {{ ref('int_endpoint_origins') }} as origins
    inner join {{ ref('ref_endpoints') }} as endpoints on origins.origin = endpoints.origin
),

accounted as (
    select
        patient_id,
        paramcd
    from time_to_event
    union all
    select
        patient_id,
        paramcd
    from endpoint_exclusions
),

violations as (
    select
        expected.patient_id,
        expected.paramcd,
        'neither a time nor a reason' as violation
    from expected
    left join accounted using (patient_id, paramcd)
    where accounted.patient_id is null
    union all
    select
        accounted.patient_id,
        accounted.paramcd,
        'an endpoint without its origin' as violation
    from accounted
    left join expected using (patient_id, paramcd)
    where expected.patient_id is null
    union all
    select
        patient_id,
        paramcd,
        'both a time and a reason' as violation
    from accounted
    group by patient_id, paramcd
    having count(*) > 1
    union all
    select
        patient_id,
        paramcd,
        'aval is not adt - startdt, or is negative' as violation
    from time_to_event
    where (aval = {{ days_between('startdt', 'adt') }} and aval >= 0) is not true
    union all
    select
        patient_id,
        paramcd,
        'a bound that does not hold the time' as violation
    from time_to_event
    where
        (aval_earliest >= 0 and aval_latest >= 0) is not true
        or (cnsr_earliest = cnsr and aval_earliest > aval)
        or (cnsr_latest = cnsr and aval_latest < aval)
    union all
    select
        patient_id,
        paramcd,
        'later than the cut-off' as violation
    from time_to_event
    where adt > cutoff_date or startdt > cutoff_date
    union all
    select
        patient_id,
        paramcd,
        'not 0 for an event and 1, with a reason, for a censoring' as violation
    from time_to_event
    where (cnsr in (0, 1) and (cnsr = 1) = (cnsdtdsc is not null)) is not true
    union all
    select
        patient_id,
        paramcd,
        'an event that is none in its outcome, or a censoring that is the event' as violation
    from time_to_event
    where
        (case when cnsr = 0 then outcome_code in (1, 2) else outcome_code in (0, 2) end)
        is not true
    union all
    select
        patient_id,
        paramcd,
        'a partial date without the rule that completes it, or a rule for a whole one' as violation
    from time_to_event
    where (adtf is null) <> (adt_rule is null)
    {%- for grouping in var('survival_groupings') %}
    union all
    select
        patient_id,
        paramcd,
        '{{ grouping.column }} is only known after the origin' as violation
    from time_to_event
    where {{ grouping.column }} is not null and not {{ known_at_origin(grouping.known_at) }}
    {%- endfor %}
)

select * from violations
