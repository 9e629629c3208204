-- One row per test and baseline lesion of an operated patient: what the test said, what was true.
with

lesions as (
    select *
    from {{ ref('fct_lesion') }}
    where is_baseline_lesion and is_operated
)

{% for test in ['CT', 'MRI', 'IOUS', 'CEIOUS'] %}
    select
        '{{ test }}' as test,
        lesion_id,
        patient_id,
        {{ test | lower }}_verdict as verdict,
        reference_verdict,
        disposition
    from lesions
    union all
{% endfor %}
-- Both together see what either sees, and call gone only what both call gone; short of that, the
-- exam that was tried and could not be read tells more than one not done.
select
    'CT+MRI' as test,
    lesion_id,
    patient_id,
    case
        when ct_verdict = 'visible' or mri_verdict = 'visible' then 'visible'
        when ct_verdict = 'not_visible' and mri_verdict = 'not_visible' then 'not_visible'
        when ct_verdict = 'not_evaluable' or mri_verdict = 'not_evaluable' then 'not_evaluable'
        when ct_verdict = 'not_done' or mri_verdict = 'not_done' then 'not_done'
        else 'missing'
    end as verdict,
    reference_verdict,
    disposition
from lesions
