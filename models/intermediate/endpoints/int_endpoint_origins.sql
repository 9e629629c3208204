-- One row per patient and origin: the day that endpoints of this origin count from, and its record.
with

patients as (
    select * from {{ ref('dim_patient') }}
),

operations as (
    select * from {{ ref('int_operations') }}
),

registrations as (
    select * from {{ ref('int_registrations') }}
)

select
    patients.patient_id,
    'day_0' as origin,
    patients.surgery_date as startdt,
    operations.surgery_date_precision as startdt_precision,
    'surgery' as srcdom,
    'surgery_date' as srcvar,
    concat_ws(
        '|', patients.patient_id, 'stage ' || cast(operations.day_zero_stage as string)
    ) as srcseq
from patients
inner join operations on patients.patient_id = operations.patient_id
where patients.is_operated
union all
select
    patients.patient_id,
    'registration' as origin,
    patients.registration_date as startdt,
    registrations.registration_date_precision as startdt_precision,
    'registration' as srcdom,
    'registration_date' as srcvar,
    patients.patient_id as srcseq
from patients
inner join registrations on patients.patient_id = registrations.patient_id
