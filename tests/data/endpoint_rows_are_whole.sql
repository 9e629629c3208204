-- The rows of ref_endpoints and ref_endpoint_sources say all that an endpoint needs: names, an
-- origin, at least one event, an end to the time of those who have none, and sources in one order.
-- Rows named here are corrected in seeds/reference.
with

endpoints as (
    select * from {{ ref('ref_endpoints') }}
),

sources as (
    select
        *,
        -- events and what competes with them are ordered together
        case when purpose = 'censoring' then 'censoring' else 'event' end as ends
    from {{ ref('ref_endpoint_sources') }}
),

named as (
    select endpoints.paramcd
    from endpoints
    where endpoints.paramcd is not null
),

broken as (
    {%- for rows, table, columns in [
        ('endpoints', 'ref_endpoints', [
            'paramcd', 'param', 'param_ja', 'role', 'origin', 'censors_at_origin', 'display_order'
        ]),
        ('sources', 'ref_endpoint_sources', [
            'paramcd', 'purpose', 'kind', 'source_order', 'incidence', 'description'
        ]),
    ] %}
    {%- for column in columns %}
    select
        paramcd,
        '{{ table }} has no {{ column }}' as violation
    from {{ rows }}
    where {{ column }} is null
    union all
    {%- endfor %}
    {%- endfor %}
    select
        max(paramcd) as paramcd,
        'display_order is that of another endpoint too' as violation
    from endpoints
    group by display_order
    having count(*) > 1
    union all
    select
        paramcd,
        'source_order is that of another source too: ' || ends as violation
    from sources
    group by paramcd, ends, source_order
    having count(*) > 1
    union all
    select
        sources.paramcd,
        'sources of an endpoint that ref_endpoints has not' as violation
    from sources
    left join named on sources.paramcd = named.paramcd
    where sources.paramcd is not null and named.paramcd is null
    union all
    select
        named.paramcd,
        'no source of purpose event' as violation
    from named
    left join sources on named.paramcd = sources.paramcd and sources.purpose = 'event'
    where sources.paramcd is null
    union all
    select
        endpoints.paramcd,
        'neither a source of purpose censoring nor censors_at_origin' as violation
    from endpoints
    left join sources
        on endpoints.paramcd = sources.paramcd and sources.purpose = 'censoring'
    where
        endpoints.paramcd is not null
        and not endpoints.censors_at_origin
        and sources.paramcd is null
)

select distinct
    paramcd,
    violation
from broken
