-- One row per operated patient and endpoint that has no row in marts.time_to_event.
with

endpoint_times as (
    select * from {{ ref('int_endpoint_times') }}
)

select
    patient_id,
    site_id,
    paramcd,
    exclusion_reason as reason,
    -- no row for a recurrence between stages is the rule; a time that cannot be is an error
    case when exclusion_reason = 'recurrence_before_day_0' then 'note' else 'error' end as severity,
    exclusion_detail as detail
from endpoint_times
where exclusion_reason is not null
