-- TRIAL rule 3: a negative or missing time is an error. It blocks; the rows name the patients.
{{ config(severity='error') }}

select
    patient_id,
    paramcd,
    reason,
    detail
from {{ ref('endpoint_exclusions') }}
where severity = 'error'
