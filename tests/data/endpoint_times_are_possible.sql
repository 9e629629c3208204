-- TRIAL rule 3: a negative or missing time is an error. Quality rule DV02 names the patients, lets a
-- steward act and blocks publication; this test says it where dbt runs alone.
{{ config(severity='warn') }}

select
    patient_id,
    paramcd,
    reason,
    detail
from {{ ref('endpoint_exclusions') }}
where severity = 'error'
