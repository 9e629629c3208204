{#-
One row per slice that the largest tables are made in (macros/slices.sql): from which patient id on
its patients are, and before which. A slice has as many registered patients as the others; whoever is
not registered falls between them.
-#}
with

numbered as (
    select
        patient_id,
        ntile({{ slices() }}) over (order by patient_id) as slice_no
    from {{ ref('int_registrations') }}
),

slices as (
    select
        slice_no,
        min(patient_id) as first_id
    from numbered
    group by slice_no
)

select
    cast(slice_no as integer) as slice_no,
    case when slice_no = 1 then '' else first_id end as slice_from,
    lead(first_id) over (order by slice_no) as slice_until
from slices
