with

load_quarantine as (select * from {{ ref('load_quarantine') }})

select
    cast(source as string) as source,
    cast(form as string) as form,
    cast(file as string) as file,
    cast(line as bigint) as line,
    cast(column_name as string) as column_name,
    cast(reason_code as string) as reason_code,
    cast(reason as string) as reason
from load_quarantine
