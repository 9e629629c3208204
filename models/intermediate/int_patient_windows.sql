-- One row per patient registered or with a lesion: what the windows of its reads hang on, and a
-- number to join and group reads by, of which there are many millions: ids as text would fill the
-- memory. No other table keeps the number.
with

registrations as (select * from {{ ref('int_registrations') }}),

operations as (select * from {{ ref('int_operations') }}),

-- A lesion may be of nobody registered.
patients as (
    select patient_id from registrations
    union distinct
    select patient_id from {{ ref('int_lesion_records') }}
)

select
    row_number() over (order by patients.patient_id) as patient_no,
    patients.patient_id,
    registrations.site_id,
    registrations.chemo_start_date,
    operations.first_surgery_date_upper,
    operations.surgery_date
from patients
left join registrations on patients.patient_id = registrations.patient_id
left join operations on patients.patient_id = operations.patient_id
