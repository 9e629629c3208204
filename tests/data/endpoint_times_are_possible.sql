-- TRIAL rule 3: a negative or missing time is an error, never a row. The patient stands in
-- quality.endpoint_exclusions with the reason and nothing else stops for it; rules SU04, FU02, FU18
-- and FU20 name the record for its site. This test says it where dbt runs alone.
{{ config(severity='warn') }}

select
    patient_id,
    paramcd,
    reason,
    detail
from {{ ref('endpoint_exclusions') }}
where severity = 'error'
