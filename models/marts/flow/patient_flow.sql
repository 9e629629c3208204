-- One row per step, unit, row type and reason: the flow of the report, for patients and for
-- lesions. What remains at one step is what remains at the next and what is excluded there;
-- patients are counted, never subtracted (TRIAL rule 5). Rows `of_which` break down what remains;
-- those of one division make it up, those of none overlap.
with

patients as (
    select *
    from {{ ref('dim_patient') }}
),

lesions as (
    select *
    from {{ ref('fct_lesion') }}
    where is_baseline_lesion
),

endpoint_exclusions as (
    select *
    from {{ ref('endpoint_exclusions') }}
),

unit_steps as (
    select *
    from {{ ref('int_flow_steps') }}
),

patients_with_mri_visible as (
    select distinct patient_id
    from lesions
    where mri_group = 'mri_visible'
),

steps as (
    {% for step in flow_steps() %}
        select
            {{ loop.index }} as step_order,
            '{{ step }}' as step
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

units as (
    select 'patients' as unit
    union all
    select 'lesions' as unit
),

remaining as (
    select
        steps.step_order,
        units.unit,
        'remaining' as row_type,
        '' as exclusion_reason,
        cast(null as string) as division,
        count(unit_steps.unit_id) as n,
        count(distinct unit_steps.patient_id) as n_patients
    from steps
    cross join units
    left join unit_steps
        on steps.step_order <= unit_steps.last_step and units.unit = unit_steps.unit
    group by steps.step_order, units.unit
),

excluded as (
    select
        steps.step_order,
        unit_steps.unit,
        'excluded' as row_type,
        unit_steps.exclusion_reason,
        'excluded' as division,
        count(*) as n,
        count(distinct unit_steps.patient_id) as n_patients
    from steps
    inner join unit_steps
        on steps.step_order = unit_steps.last_step + 1
    group by steps.step_order, unit_steps.unit, unit_steps.exclusion_reason
),

---------- what remains, broken down

without_rfs as (
    select distinct patient_id
    from endpoint_exclusions
    where paramcd = 'RFS' and reason = 'recurrence_before_day_0'
),

patient_parts as (
    select
        1 as step_order,
        'not_eligible' as part,
        cast(null as string) as division,
        count(case when not is_eligible then 1 end) as n
    from patients
    union all
    select
        1 as step_order,
        'withdrawn' as part,
        cast(null as string) as division,
        count(withdrawal_date) as n
    from patients
    union all
    select
        2 as step_order,
        'complete_preop_imaging' as part,
        'preop_imaging' as division,
        count(case when has_complete_preop_imaging then 1 end) as n
    from patients
    where is_operated
    union all
    select
        2 as step_order,
        'incomplete_preop_imaging' as part,
        'preop_imaging' as division,
        count(case when not coalesce(has_complete_preop_imaging, false) then 1 end) as n
    from patients
    where is_operated
    union all
    select
        2 as step_order,
        'recurrence_before_day_0' as part,
        cast(null as string) as division,
        count(without_rfs.patient_id) as n
    from patients
    inner join without_rfs
        on patients.patient_id = without_rfs.patient_id
    where patients.is_operated
    union all
    select
        3 as step_order,
        'with_mri_visible_dlm' as part,
        cast(null as string) as division,
        count(*) as n
    from patients_with_mri_visible
    union all
    select
        4 as step_order,
        'with_mri_visible_dlm' as part,
        cast(null as string) as division,
        count(*) as n
    from patients
    inner join patients_with_mri_visible
        on patients.patient_id = patients_with_mri_visible.patient_id
    where patients.has_confirmed_dlm
    union all
    select
        4 as step_order,
        'all_resected' as part,
        'resection_group' as division,
        count(case when resection_group = 'all_resected' then 1 end) as n
    from patients
    where has_confirmed_dlm
    union all
    select
        4 as step_order,
        'some_left' as part,
        'resection_group' as division,
        count(case when resection_group = 'some_left' then 1 end) as n
    from patients
    where has_confirmed_dlm
    union all
    select
        4 as step_order,
        'neither_group' as part,
        'resection_group' as division,
        count(case when resection_group is null then 1 end) as n
    from patients
    where has_confirmed_dlm
),

lesion_parts as (
    {% for disposition in ['resected', 'ablated', 'left_in_place', 'missing'] %}
        select
            4 as step_order,
            '{{ disposition }}' as part,
            'disposition' as division,
            count(*) as n,
            count(distinct patient_id) as n_patients
        from lesions
        where is_confirmed_dlm and coalesce(disposition, 'missing') = '{{ disposition }}'
        union all
    {% endfor %}
    {% for truth in ['nonviable', 'viable'] %}
        select
            5 as step_order,
            '{{ truth }}' as part,
            'truth' as division,
            count(*) as n,
            count(distinct patient_id) as n_patients
        from lesions
        where is_confirmed_dlm and is_evaluable and reference_verdict = '{{ truth }}'
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

of_which as (
    select
        step_order,
        'patients' as unit,
        'of_which' as row_type,
        part as exclusion_reason,
        division,
        n,
        n as n_patients
    from patient_parts
    union all
    select
        step_order,
        'lesions' as unit,
        'of_which' as row_type,
        part as exclusion_reason,
        division,
        n,
        n_patients
    from lesion_parts
),

flow as (
    select *
    from remaining
    union all
    select *
    from excluded
    union all
    select *
    from of_which
)

select
    cast(flow.step_order as integer) as step_order,
    steps.step,
    flow.unit,
    flow.row_type,
    flow.exclusion_reason,
    flow.division,
    cast(flow.n as bigint) as n,
    cast(flow.n_patients as bigint) as n_patients
from flow
inner join steps
    on flow.step_order = steps.step_order
order by
    case flow.unit when 'patients' then 1 else 2 end,
    flow.step_order,
    case flow.row_type when 'excluded' then 1 when 'remaining' then 2 else 3 end,
    flow.exclusion_reason
