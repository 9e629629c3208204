-- What must be true of any lesion, whatever the data: each row names the equation that a lesion
-- breaks.
{%- set equations = {
    'a DLM is a baseline lesion of an operated patient':
        'is_dlm and not (is_baseline_lesion and is_operated)',
    'a confirmed DLM is a DLM': 'is_confirmed_dlm and not is_dlm',
    'a DLM has one MRI group': 'is_dlm <> (mri_group is not null)',
    'the group confirmed is the confirmed DLMs':
        "is_confirmed_dlm <> coalesce(mri_group = 'confirmed', false)",
    'evaluable is having no reason against it': 'is_evaluable <> (not_evaluable_reason is null)',
    'an evaluable lesion has a truth': "is_evaluable and reference_verdict = 'indeterminate'",
    'a truth rests on a standard':
        "reference_verdict <> 'indeterminate' and reference_standard = 'none'",
    'a lesion never operated has no disposition': 'is_operated <> (disposition is not null)',
    'a regrowth has its days': '(regrowth_date is null) <> (days_to_regrowth is null)',
} -%}
{%- for equation, broken in equations.items() %}
select
    '{{ equation }}' as equation,
    lesion_id
from {{ ref('fct_lesion') }}
where {{ broken }}
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
