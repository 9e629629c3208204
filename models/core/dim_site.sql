with

sites as (select * from {{ ref('ref_sites') }})

select
    {{ key_of(['site_id']) }} as site_key,
    cast(site_id as string) as site_id,
    cast(site_name as string) as site_name,
    cast(country as string) as country,
    cast(region as string) as region,
    cast(data_centre as string) as data_centre
from sites
