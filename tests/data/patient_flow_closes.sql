-- What remains at a step is what remains at the next one and what was excluded on the way, for
-- patients and for lesions (the flow's own arithmetic).
with

flow as (
    select
        unit,
        step_order,
        sum(case when row_type = 'remaining' then n else 0 end) as n_remaining,
        sum(case when row_type = 'excluded' then n else 0 end) as n_excluded
    from {{ ref('patient_flow') }}
    group by unit, step_order
)

select
    flow.unit,
    flow.step_order,
    previous.n_remaining as n_before,
    flow.n_remaining,
    flow.n_excluded
from flow
inner join flow as previous
    on flow.unit = previous.unit and flow.step_order = previous.step_order + 1
where previous.n_remaining <> flow.n_remaining + flow.n_excluded
