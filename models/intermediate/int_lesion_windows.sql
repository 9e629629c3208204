-- One row per lesion on record: what the windows of its reads hang on, beside what they do of its
-- patient.
with

lesions as (select * from {{ ref('int_lesion_records') }}),

dispositions as (select * from {{ ref('int_lesion_dispositions') }})

select
    lesions.lesion_id,
    lesions.patient_id,
    lesions.lesion_no,
    dispositions.disposition_date
from lesions
left join dispositions on lesions.lesion_id = dispositions.lesion_id
