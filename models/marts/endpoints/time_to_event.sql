-- One row per patient and endpoint with a time (quality.endpoint_exclusions has the rest).
with

endpoint_times as (
    select * from {{ ref('int_endpoint_times') }}
)

select
    cast(patient_id as string) as patient_id,
    cast(patient_key as string) as patient_key,
    cast(site_id as string) as site_id,

    ---------- endpoint
    cast(paramcd as string) as paramcd,
    cast(param as string) as param,
    cast(role as string) as role,
    cast(origin as string) as origin,

    ---------- time
    cast(startdt as date) as startdt,
    cast(startdtf as string) as startdtf,
    cast(adt as date) as adt,
    cast(adtf as string) as adtf,
    cast(adt_rule as string) as adt_rule,
    cast(aval as integer) as aval,
    cast(cnsr as integer) as cnsr,
    cast(outcome_code as integer) as outcome_code,
    cast(evntdesc as string) as evntdesc,
    cast(cnsdtdsc as string) as cnsdtdsc,
    cast(date_precision as string) as date_precision,

    ---------- time if partial dates are as early, or as late, as they can be
    cast(aval_earliest as integer) as aval_earliest,
    cast(cnsr_earliest as integer) as cnsr_earliest,
    cast(aval_latest as integer) as aval_latest,
    cast(cnsr_latest as integer) as cnsr_latest,

    ---------- source record
    cast(srcdom as string) as srcdom,
    cast(srcvar as string) as srcvar,
    cast(srcseq as string) as srcseq,

    ---------- group
    cast(resection_group as string) as resection_group,
    cast(resection_group_reason as string) as resection_group_reason,
    cast(resection_group_by_dlm as string) as resection_group_by_dlm,
    cast(resection_group_r0_r1 as string) as resection_group_r0_r1,

    cast(stratum as string) as stratum,

    ---------- stamp
    cast({{ cutoff_date() or 'null' }} as date) as cutoff_date
from endpoint_times
where exclusion_reason is null
