with

imaging as (select * from {{ ref('int_lesion_imaging') }}),

reference as (select * from {{ ref('int_lesion_reference') }}),

counted as (
    select
        {%- for set, flag in [('confirmed', 'is_confirmed_dlm'), ('dlm', 'is_dlm')] %}
        count(case when imaging.{{ flag }} then 1 end) as n_{{ set }},
        {%- for disposition in ['resected', 'left_in_place', 'ablated'] %}
        count(
            case
                when imaging.{{ flag }} and reference.disposition = '{{ disposition }}' then 1
            end
        ) as n_{{ set }}_{{ disposition }},
        {%- endfor %}
        {%- endfor %}
        imaging.patient_id
    from imaging
    inner join reference on imaging.lesion_id = reference.lesion_id
    where imaging.is_dlm
    group by imaging.patient_id
)

select
    patient_id,
    {%- for set, column in [
        ('confirmed', 'resection_group'), ('dlm', 'resection_group_by_dlm'),
    ] %}
    case
        when n_{{ set }}_left_in_place > 0 then 'some_left'
        when n_{{ set }} > 0 and n_{{ set }}_resected = n_{{ set }} then 'all_resected'
    end as {{ column }},
    {%- endfor %}
    case
        when n_confirmed = 0 then 'no_confirmed_dlm'
        when n_confirmed_left_in_place > 0 or n_confirmed_resected = n_confirmed then null
        when n_confirmed_resected + n_confirmed_ablated < n_confirmed then 'disposition_missing'
        else 'ablated_none_left'
    end as resection_group_reason
from counted
