with

load_quarantine as (select * from {{ ref('load_quarantine') }})

select
    cast(source as varchar) as source,
    cast(form as varchar) as form,
    cast(file as varchar) as file,
    cast(line as bigint) as line,
    cast(column_name as varchar) as column_name,
    cast(reason_code as varchar) as reason_code,
    cast(reason as varchar) as reason
from load_quarantine
