with

load_changes as (select * from {{ ref('load_changes') }})

select
    cast(delivery_id as varchar) as delivery_id,
    cast(received_at as varchar) as received_at,
    cast(rule_id as varchar) as rule_id,
    cast(kind as varchar) as kind,
    cast(source as varchar) as source,
    cast(site_id as varchar) as site_id,
    cast(form as varchar) as form,
    cast(record_key as varchar) as record_key,
    cast(new_record_key as varchar) as new_record_key,
    cast(previous_file as varchar) as previous_file,
    cast(previous_line as bigint) as previous_line,
    cast(file as varchar) as file,
    cast(line as bigint) as line,
    cast(n_before as bigint) as n_before,
    cast(n_now as bigint) as n_now
from load_changes
