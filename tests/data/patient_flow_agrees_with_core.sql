-- The flow counts what the flags of core say, each step by a count of its own.
with

counted as (
    select
        'patients' as unit,
        'registered' as step,
        count(*) as n
    from {{ ref('dim_patient') }}
    {% for step in ['operated', 'dlm', 'confirmed_dlm', 'evaluable_confirmed_dlm'] %}
        union all
        select
            'patients' as unit,
            '{{ step }}' as step,
            count(distinct patient_id) as n
        from {{ ref('dim_patient') }}
        where {{ 'is_operated' if step == 'operated' else 'has_' ~ step }}
    {% endfor %}
    {% for step, membership in [
        ('registered', 'true'), ('operated', 'is_operated'), ('dlm', 'is_dlm'),
        ('confirmed_dlm', 'is_confirmed_dlm'),
        ('evaluable_confirmed_dlm', 'is_confirmed_dlm and is_evaluable'),
    ] %}
        union all
        select
            'lesions' as unit,
            '{{ step }}' as step,
            count(*) as n
        from {{ ref('fct_lesion') }}
        where is_baseline_lesion and {{ membership }}
    {% endfor %}
)

select
    counted.unit,
    counted.step,
    counted.n as n_in_core,
    flow.n as n_in_flow
from counted
left join {{ ref('patient_flow') }} as flow
    on counted.unit = flow.unit and counted.step = flow.step and flow.row_type = 'remaining'
where flow.n is null or flow.n <> counted.n
