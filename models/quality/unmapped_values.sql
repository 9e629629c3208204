with

unmapped_cells as (select * from {{ ref('unmapped_cells') }})

select
    source,
    form,
    column_name,
    list_name,
    source_value,
    count(*) as n_records
from unmapped_cells
group by source, form, column_name, list_name, source_value
