-- One row per registered patient and per baseline lesion: how far it gets in the flow of the
-- report, and why no further.
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

-- Why the lesions of a patient are not evaluable, where that is one reason.
patient_lesion_facts as (
    select
        patient_id,
        count(*) as n_lesions,
        count(case when ct_verdict = 'visible' then 1 end) as n_ct_visible,
        count(case when mri_group = 'mri_unknown' then 1 end) as n_mri_unknown,
        count(distinct case when is_confirmed_dlm then not_evaluable_reason end) as n_reasons,
        min(case when is_confirmed_dlm then not_evaluable_reason end) as first_reason
    from lesions
    group by patient_id
),

-- last_step is the number of the last step reached.
patient_steps as (
    select
        patients.patient_id as unit_id,
        patients.patient_id,
        cast(null as string) as lesion_id,
        case
            when patients.has_evaluable_confirmed_dlm then 5
            when patients.has_confirmed_dlm then 4
            when patients.has_dlm then 3
            when patients.is_operated then 2
            else 1
        end as last_step,
        case
            when patients.has_evaluable_confirmed_dlm then null
            when patients.has_confirmed_dlm
                then
                    case
                        when facts.n_reasons = 1 then facts.first_reason
                        else 'several_reasons'
                    end
            when patients.has_dlm and facts.n_mri_unknown > 0 then 'no_dlm_gone_on_mri_some_unknown'
            when patients.has_dlm then 'every_dlm_visible_on_mri'
            when patients.is_operated and facts.n_lesions is null then 'no_baseline_lesion'
            when patients.is_operated and facts.n_ct_visible = facts.n_lesions
                then 'every_lesion_visible_on_ct'
            when patients.is_operated then 'no_lesion_gone_on_ct_some_unknown'
            else coalesce(patients.not_operated_reason, 'not_recorded')
        end as exclusion_reason
    from patients
    left join patient_lesion_facts as facts
        on patients.patient_id = facts.patient_id
),

lesion_steps as (
    select
        lesions.lesion_id as unit_id,
        lesions.patient_id,
        lesions.lesion_id,
        case
            when lesions.is_confirmed_dlm and lesions.is_evaluable then 5
            when lesions.is_confirmed_dlm then 4
            when lesions.is_dlm then 3
            when lesions.is_operated then 2
            else 1
        end as last_step,
        case
            when lesions.is_confirmed_dlm then lesions.not_evaluable_reason
            when lesions.is_dlm then 'mri_' || lesions.mri_verdict
            when lesions.is_operated then 'ct_' || lesions.ct_verdict
            else coalesce(patients.not_operated_reason, 'not_recorded')
        end as exclusion_reason
    from lesions
    inner join patients
        on lesions.patient_id = patients.patient_id
),

unit_steps as (
    select
        'patients' as unit,
        *
    from patient_steps
    union all
    select
        'lesions' as unit,
        *
    from lesion_steps
)

select
    unit,
    unit_id,
    patient_id,
    lesion_id,
    last_step,
    exclusion_reason
from unit_steps
