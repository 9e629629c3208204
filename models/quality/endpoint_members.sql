-- One row per endpoint, subset and unit: what each lesion or patient contributes to each number, so
-- that a number can be traced to its records and two builds compared unit by unit.
with

population_lesions as (select * from {{ ref('int_population_lesion') }}),

lesions as (select * from {{ ref('fct_lesion') }}),

times as (select * from {{ ref('time_to_event') }}),

exclusions as (select * from {{ ref('endpoint_exclusions') }}),

flow_steps as (select * from {{ ref('int_flow_steps') }}),

npv as (
    select
        'npv' as endpoint,
        members.population as subset,
        'lesion' as unit,
        members.lesion_id as unit_id,
        members.patient_id,
        members.lesion_id,
        cast(null as string) as group_value,
        members.is_evaluable as is_counted,
        case
            when members.is_evaluable then lesions.reference_verdict
            else coalesce(lesions.not_evaluable_reason, 'ceious_conditions_not_met')
        end as state,
        lesions.reference_standard || ', ' || lesions.reference_reason as detail
    from population_lesions as members
    inner join lesions
        on members.lesion_id = lesions.lesion_id
),

survival as (
    select
        'km' as endpoint,
        paramcd as subset,
        'patient' as unit,
        patient_id as unit_id,
        patient_id,
        cast(null as string) as lesion_id,
        resection_group as group_value,
        true as is_counted,
        case cnsr when 0 then 'event' else 'censored' end
        || ' at day ' || cast(aval as string) as state,
        case cnsr when 0 then evntdesc else cnsdtdsc end
        || ', ' || srcdom || ' ' || srcseq as detail
    from times
    union all
    select
        'km' as endpoint,
        paramcd as subset,
        'patient' as unit,
        patient_id as unit_id,
        patient_id,
        cast(null as string) as lesion_id,
        cast(null as string) as group_value,
        false as is_counted,
        reason as state,
        detail
    from exclusions
),

flow as (
    select
        'flow' as endpoint,
        unit as subset,
        case unit when 'patients' then 'patient' else 'lesion' end as unit,
        unit_id,
        patient_id,
        lesion_id,
        cast(null as string) as group_value,
        true as is_counted,
        case last_step
            {%- for step in flow_steps() %}
            when {{ loop.index }} then '{{ step }}'
            {%- endfor %}
        end as state,
        exclusion_reason as detail
    from flow_steps
),

members as (
    select * from npv
    union all
    select * from survival
    union all
    select * from flow
)

select
    endpoint,
    subset,
    unit,
    unit_id,
    patient_id,
    lesion_id,
    group_value,
    is_counted,
    state,
    detail
from members
