with

imaging as (select * from {{ ref('int_lesion_imaging') }}),

reference as (select * from {{ ref('int_lesion_reference') }}),

-- The first reason that applies stands, in the order an exam goes: done, readable, conform, in
-- time.
reasoned as (
    select
        imaging.lesion_id,
        imaging.ceious_conditions_met,
        case
            when not imaging.is_operated then 'no_surgery'
            {%- for name in ['ct', 'mri'] %}
            when imaging.{{ name }}_verdict in ('not_done', 'missing', 'not_evaluable')
                then '{{ name }}_' || imaging.{{ name }}_verdict
            when not coalesce(imaging.{{ name }}_conditions_met, false)
                then '{{ name }}_conditions_not_met'
            when not coalesce(imaging.{{ name }}_in_time, false) then '{{ name }}_out_of_window'
            {%- endfor %}
            when reference.reference_verdict = 'indeterminate'
                then 'reference_' || reference.reference_reason
        end as not_evaluable_reason
    from imaging
    inner join reference on imaging.lesion_id = reference.lesion_id
)

select
    lesion_id,
    not_evaluable_reason is null as is_evaluable,
    not_evaluable_reason,
    not_evaluable_reason is null and coalesce(ceious_conditions_met, false)
        as is_evaluable_ceious
from reasoned
