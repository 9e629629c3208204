with

load_changes as (select * from {{ ref('load_changes') }})

select
    cast(delivery_id as string) as delivery_id,
    cast(received_at as string) as received_at,
    -- Older ledgers call it DL15.
    case when kind = 'dated_earlier' then 'DL16' else cast(rule_id as string) end as rule_id,
    cast(kind as string) as kind,
    cast(source as string) as source,
    cast(site_id as string) as site_id,
    cast(form as string) as form,
    cast(record_key as string) as record_key,
    cast(new_record_key as string) as new_record_key,
    cast(previous_file as string) as previous_file,
    cast(previous_line as bigint) as previous_line,
    cast(file as string) as file,
    cast(line as bigint) as line,
    cast(n_before as bigint) as n_before,
    cast(n_now as bigint) as n_now
from load_changes
