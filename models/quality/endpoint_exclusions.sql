-- One row per patient with its origin and endpoint that has no row in marts.time_to_event.
with

endpoint_times as (
    select * from {{ ref('int_endpoint_times') }}
)

select
    patient_id,
    site_id,
    paramcd,
    exclusion_reason as reason,
    -- No row for a recurrence between stages is the rule. A time that cannot be is an error in the
    -- trial's own endpoints, and a note in those that only explore.
    case
        when exclusion_reason like 'recurrence_before_%' or role <> 'trial' then 'note'
        else 'error'
    end as severity,
    exclusion_detail as detail
from endpoint_times
where exclusion_reason is not null
