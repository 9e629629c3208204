with

registrations as (
    select *
    from {{ ref('int_registrations') }}
    where {{ within_cutoff('registration_date') }}
),

sites as (select * from {{ ref('dim_site') }}),

operations as (select * from {{ ref('int_operations') }}),

resection_groups as (select * from {{ ref('int_resection_groups') }}),

outcomes as (select * from {{ ref('int_outcomes') }}),

lesions as (
    select
        imaging.patient_id,
        count(*) as n_baseline_lesions,
        min(
            case
                when
                    imaging.ct_verdict in ('visible', 'not_visible', 'not_evaluable')
                    and imaging.mri_verdict in ('visible', 'not_visible', 'not_evaluable')
                    then 1
                else 0
            end
        ) = 1 as has_complete_preop_imaging,
        count(case when imaging.is_dlm then 1 end) as n_dlm,
        count(case when imaging.is_confirmed_dlm then 1 end) as n_confirmed_dlm,
        count(case when imaging.is_confirmed_dlm and evaluability.is_evaluable then 1 end)
            as n_evaluable_confirmed_dlm
    from {{ ref('int_lesion_imaging') }} as imaging
    inner join {{ ref('int_lesion_evaluability') }} as evaluability
        on imaging.lesion_id = evaluability.lesion_id
    where imaging.is_baseline_lesion
    group by imaging.patient_id
),

visits as (
    select
        patient_id,
        max(imaging_date) as last_imaging_date,
        max(case when is_recurrence then 1 else 0 end) = 1 as has_recurrence
    from {{ ref('int_findings') }}
    group by patient_id
),

ends as (
    select
        patient_id,
        max(case when kind = 'last_contact' then event_date end) as last_contact_date,
        max(case when kind = 'death' then 1 else 0 end) = 1 as has_died
    from {{ ref('int_endpoint_sources') }}
    where kind in ('last_contact', 'death')
    group by patient_id
)

select
    registrations.patient_key,
    registrations.patient_id,
    registrations.site_id,
    sites.region,
    coalesce(sites.data_centre, registrations.data_centre) as data_centre,

    ---------- baseline facts
    registrations.sex,
    registrations.age,
    registrations.consent_date,
    registrations.registration_date,
    registrations.is_eligible,
    registrations.withdrawal_date,
    registrations.primary_site,
    registrations.primary_dx_date,
    registrations.liver_mets_dx_date,
    registrations.ras_status,
    registrations.is_synchronous,
    registrations.cea_ng_ml,
    registrations.chemo_start_date,
    registrations.chemo_end_date,
    registrations.chemo_cycles,
    registrations.resectability,

    ---------- lesions
    cast(coalesce(lesions.n_baseline_lesions, 0) as integer) as n_baseline_lesions,
    registrations.n_lesions_declared,

    ---------- surgery
    coalesce(operations.is_operated, false) as is_operated,
    case
        when operations.is_operated then null
        when operations.has_undated_stage then 'surgery_date_missing'
        when operations.has_unnumbered_stage then 'stage_missing'
        when not registrations.is_eligible then 'not_eligible'
        when registrations.withdrawal_date is not null then 'withdrawn'
        when visits.has_recurrence then 'progression'
        when ends.has_died then 'died'
        when operations.patient_id is not null then 'not_performed'
        else 'no_surgery_record'
    end as not_operated_reason,
    operations.first_surgery_date,
    operations.surgery_date,
    coalesce(operations.n_stages_performed, 0) as n_stages_performed,
    operations.planned_stages,
    operations.r_status,

    ---------- imaging and disappearance
    coalesce(lesions.has_complete_preop_imaging, false) as has_complete_preop_imaging,
    cast(coalesce(lesions.n_dlm, 0) as integer) as n_dlm,
    cast(coalesce(lesions.n_confirmed_dlm, 0) as integer) as n_confirmed_dlm,
    cast(coalesce(lesions.n_evaluable_confirmed_dlm, 0) as integer) as n_evaluable_confirmed_dlm,
    coalesce(lesions.n_dlm, 0) > 0 as has_dlm,
    coalesce(lesions.n_confirmed_dlm, 0) > 0 as has_confirmed_dlm,
    coalesce(lesions.n_evaluable_confirmed_dlm, 0) > 0 as has_evaluable_confirmed_dlm,

    ---------- resection group
    resection_groups.resection_group,
    case
        when resection_groups.resection_group is not null then null
        when not coalesce(operations.is_operated, false) then 'not_operated'
        else coalesce(resection_groups.resection_group_reason, 'no_confirmed_dlm')
    end as resection_group_reason,
    resection_groups.resection_group_by_dlm,
    case
        when operations.r_status in ('R0', 'R1') then resection_groups.resection_group
    end as resection_group_r0_r1,

    ---------- outcome
    visits.last_imaging_date,
    ends.last_contact_date,
    outcomes.death_date,
    outcomes.death_cause
from registrations
left join sites on registrations.site_id = sites.site_id
left join operations on registrations.patient_id = operations.patient_id
left join lesions on registrations.patient_id = lesions.patient_id
left join resection_groups on registrations.patient_id = resection_groups.patient_id
left join visits on registrations.patient_id = visits.patient_id
left join ends on registrations.patient_id = ends.patient_id
left join outcomes on registrations.patient_id = outcomes.patient_id
