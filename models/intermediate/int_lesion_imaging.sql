{%- set tests = [
    ('ct', 'CT', 'preop'), ('mri', 'MRI', 'preop'),
    ('ious', 'IOUS', 'intraop'), ('ceious', 'CEIOUS', 'intraop'),
] -%}
with

lesions as (select * from {{ ref('int_lesion_records') }}),

-- Read anew for each test: what is asked of one is a fraction of a copy of all.
accepted as {{ read_anew() }}(select * from {{ ref('int_accepted_reads') }}),

registrations as (select * from {{ ref('int_registrations') }}),

operations as (select * from {{ ref('int_operations') }}),

baseline as (
    select distinct lesion_id
    from accepted
    where timepoint = 'baseline' and verdict = 'visible'
),

not_done as (
    select distinct
        lesion_id,
        modality,
        timepoint
    from {{ ref('int_reads') }}
    where read_status = 'not_done'
),

{% for name, modality, timepoint in tests -%}
{{ name }} as (
    select *
    from accepted
    where modality = '{{ modality }}' and timepoint = '{{ timepoint }}'
),

{{ name }}_not_done as (
    select lesion_id
    from not_done
    where modality = '{{ modality }}' and timepoint = '{{ timepoint }}'
),

{% endfor -%}
joined as (
    select
        lesions.lesion_id,
        lesions.patient_id,
        -- A lesion of nobody registered is kept as a record but is nobody's metastasis.
        baseline.lesion_id is not null and registrations.patient_id is not null
            as is_baseline_lesion,
        coalesce(operations.is_operated, false) and registrations.patient_id is not null
            as is_operated,
        {%- for name, _, _ in tests %}
        coalesce(
            {{ name }}.verdict,
            case when {{ name }}_not_done.lesion_id is not null then 'not_done' else 'missing' end
        ) as {{ name }}_verdict,
        {{ name }}.exam_date as {{ name }}_read_date,
        {{ name }}.conditions_met as {{ name }}_conditions_met,
        {%- endfor %}
        operations.first_surgery_date,
        operations.first_surgery_date_upper
    from lesions
    left join registrations on lesions.patient_id = registrations.patient_id
    left join operations on lesions.patient_id = operations.patient_id
    left join baseline on lesions.lesion_id = baseline.lesion_id
    {%- for name, _, _ in tests %}
    left join {{ name }} on lesions.lesion_id = {{ name }}.lesion_id
    left join {{ name }}_not_done on lesions.lesion_id = {{ name }}_not_done.lesion_id
    {%- endfor %}
),

timed as (
    select
        *,
        -- A day that stands for a month or year, of the exam or of the operation, may put an exam
        -- after the first stage that was before it. Any other exam after it is none to be accepted.
        {%- for name in ['ct', 'mri'] %}
        case
            when
                {{ name }}_read_date > first_surgery_date
                and (
                    {{ name }}_read_date <= first_surgery_date_upper
                    or {{ stands_for_a_period(name ~ '_read_date') }}
                )
                then 0
            else {{ days_between(name ~ '_read_date', 'first_surgery_date') }}
        end as {{ name }}_days_before_surgery{{ ',' if not loop.last }}
        {%- endfor %}
    from joined
)

select
    lesion_id,
    patient_id,
    is_baseline_lesion,
    is_operated,

    ---------- verdicts
    {%- for name, _, _ in tests %}
    {{ name }}_verdict,
    {%- endfor %}

    ---------- exams
    {%- for name, _, _ in tests %}
    {{ name }}_read_date,
    {%- endfor %}
    ct_days_before_surgery,
    mri_days_before_surgery,

    ---------- acquisition and window
    {%- for name, _, _ in tests %}
    {{ name }}_conditions_met,
    {%- endfor %}
    ct_days_before_surgery between 0 and {{ var('preop_window_days') }} as ct_in_time,
    mri_days_before_surgery between 0 and {{ var('preop_window_days') }} as mri_in_time,

    ---------- disappearance
    is_operated and is_baseline_lesion and ct_verdict = 'not_visible' as is_dlm,
    is_operated and is_baseline_lesion
    and ct_verdict = 'not_visible' and mri_verdict = 'not_visible' as is_confirmed_dlm,
    case
        when not (is_operated and is_baseline_lesion and ct_verdict = 'not_visible') then null
        when mri_verdict = 'not_visible' then 'confirmed'
        when mri_verdict = 'visible' then 'mri_visible'
        else 'mri_unknown'
    end as mri_group
from timed
