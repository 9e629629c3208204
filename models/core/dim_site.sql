with

sites as (select * from {{ ref('ref_sites') }})

select
    {{ key_of(['site_id']) }} as site_key,
    cast(site_id as varchar) as site_id,
    cast(site_name as varchar) as site_name,
    cast(country as varchar) as country,
    cast(region as varchar) as region,
    cast(data_centre as varchar) as data_centre
from sites
