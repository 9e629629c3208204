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

{%- set names = [
    'km_curve', 'km_summary', 'km_at_risk', 'km_date_bounds',
    'survival_comparison', 'cumulative_incidence'
] %}

made as (
    {%- for mart in names %}
    {{ 'union all' if not loop.first }}
    select distinct
        '{{ mart }}' as mart,
        paramcd
    from {{ ref(mart) }}
    {%- endfor %}
),

marts as (
    {%- for mart in names %}
    {{ 'union all' if not loop.first }}
    select '{{ mart }}' as mart
    {%- endfor %}
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
