-- What a data cut freezes: what each lesion or patient contributes to each endpoint.
with

members as (select * from {{ ref('endpoint_members') }}),

patients as (select * from {{ ref('dim_patient') }})

select
    cast(members.endpoint as string) as endpoint,
    cast(members.subset as string) as subset,
    cast(members.unit_id as string) as unit_id,
    cast(patients.site_id as string) as site_id,
    cast(members.patient_id as string) as patient_id,
    cast(members.lesion_id as string) as lesion_id,
    cast(
        concat_ws(
            '; ',
            case when members.is_counted then 'counted' else 'not counted' end,
            members.state,
            members.group_value
        ) as string
    ) as value
from members
left join patients on members.patient_id = patients.patient_id
