-- A row of ref_endpoints is an endpoint: where it has times, every survival mart has it.
with

endpoints as (
    select
        times.paramcd,
        max(case when sources.incidence = 'competing' then 1 else 0 end) = 1 as has_competing
    from {{ ref('time_to_event') }} as times
    left join {{ ref('ref_endpoint_sources') }} as sources on times.paramcd = sources.paramcd
    group by times.paramcd
),

made as (
    {%- for mart in [
        'km_curve', 'km_summary', 'km_at_risk', 'km_date_bounds', 'survival_comparison', 'cumulative_incidence'
    ] %}
    {{ 'union all' if not loop.first }}
    select distinct
        '{{ mart }}' as mart,
        paramcd
    from {{ ref(mart) }}
    {%- endfor %}
),

marts as (
    select distinct mart from made
)

select
    endpoints.paramcd,
    marts.mart
from endpoints
cross join marts
left join made
    on
        endpoints.paramcd = made.paramcd
        and marts.mart = made.mart
where made.paramcd is null and (endpoints.has_competing or marts.mart <> 'cumulative_incidence')
union all
-- sources of an endpoint that is none, and an endpoint without an event
select
    coalesce(known.paramcd, sources.paramcd) as paramcd,
    'ref_endpoint_sources' as mart
from {{ ref('ref_endpoints') }} as known
full join {{ ref('ref_endpoint_sources') }} as sources
    on
        known.paramcd = sources.paramcd
        and sources.purpose = 'event'
where known.paramcd is null and sources.purpose = 'event' or sources.paramcd is null
