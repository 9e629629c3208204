-- One row per operated patient and endpoint with a time (quality.endpoint_exclusions has the rest).
with

endpoint_times as (
    select * from {{ ref('int_endpoint_times') }}
)

select
    cast(patient_id as varchar) as patient_id,
    cast(patient_key as varchar) as patient_key,
    cast(site_id as varchar) as site_id,

    ---------- endpoint
    cast(paramcd as varchar) as paramcd,
    cast(param as varchar) as param,

    ---------- time
    cast(startdt as date) as startdt,
    cast(adt as date) as adt,
    cast(aval as integer) as aval,
    cast(cnsr as integer) as cnsr,
    cast(evntdesc as varchar) as evntdesc,
    cast(cnsdtdsc as varchar) as cnsdtdsc,
    cast(date_precision as varchar) as date_precision,

    ---------- source record
    cast(srcdom as varchar) as srcdom,
    cast(srcvar as varchar) as srcvar,
    cast(srcseq as varchar) as srcseq,

    ---------- group
    cast(resection_group as varchar) as resection_group,
    cast(resection_group_reason as varchar) as resection_group_reason,

    ---------- stamp
    cast({{ cutoff_date() or 'null' }} as date) as cutoff_date
from endpoint_times
where exclusion_reason is null
