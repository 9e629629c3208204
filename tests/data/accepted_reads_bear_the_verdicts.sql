-- At most one accepted read per lesion, modality and timepoint; a lesion's verdict is its accepted
-- read's.
with

accepted as (
    select
        lesion_id,
        modality,
        timepoint,
        count(*) as n_reads,
        min(verdict) as verdict
    from {{ ref('fct_read') }}
    where is_accepted
    group by lesion_id, modality, timepoint
),

told as (
    {%- for column, modality, timepoint in [
        ('ct_verdict', 'CT', 'preop'), ('mri_verdict', 'MRI', 'preop'),
        ('ious_verdict', 'IOUS', 'intraop'), ('ceious_verdict', 'CEIOUS', 'intraop'),
    ] %}
    select
        lesion_id,
        '{{ modality }}' as modality,
        '{{ timepoint }}' as timepoint,
        {{ column }} as verdict
    from {{ ref('fct_lesion') }}
    where {{ column }} in ('visible', 'not_visible')
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select
    lesion_id,
    modality,
    timepoint,
    verdict
from accepted
where n_reads > 1
union all
select
    told.lesion_id,
    told.modality,
    told.timepoint,
    told.verdict
from told
left join accepted
    on
        told.lesion_id = accepted.lesion_id
        and told.modality = accepted.modality
        and told.timepoint = accepted.timepoint
where accepted.verdict is null or accepted.verdict <> told.verdict
