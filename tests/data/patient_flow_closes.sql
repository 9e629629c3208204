-- What remains at a step is what remains at the next one and what was excluded on the way, for
-- patients and for lesions; the parts of a division make up what remains.
with

flow as (
    select
        unit,
        step_order,
        sum(case when row_type = 'remaining' then n else 0 end) as n_remaining,
        sum(case when row_type = 'excluded' then n else 0 end) as n_excluded
    from {{ ref('patient_flow') }}
    group by unit, step_order
),

divided as (
    select
        unit,
        step_order,
        division,
        sum(n) as n_divided
    from {{ ref('patient_flow') }}
    where row_type = 'of_which' and division is not null
    group by unit, step_order, division
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
union all
select
    flow.unit,
    flow.step_order,
    divided.n_divided as n_before,
    flow.n_remaining,
    0 as n_excluded
from flow
inner join divided
    on flow.unit = divided.unit and flow.step_order = divided.step_order
where divided.n_divided <> flow.n_remaining
