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
        paramcd,
        'sources of an endpoint that ref_endpoints has not' as violation
    from sources
    where paramcd not in (select paramcd from endpoints where paramcd is not null)
    union all
    select
        paramcd,
        'no source of purpose event' as violation
    from endpoints
    where
        paramcd not in (
            select paramcd from sources where purpose = 'event' and paramcd is not null
        )
    union all
    select
        paramcd,
        'neither a source of purpose censoring nor censors_at_origin' as violation
    from endpoints
    where
        not censors_at_origin
        and paramcd not in (
            select paramcd from sources where purpose = 'censoring' and paramcd is not null
        )
)

select distinct
    paramcd,
    violation
from broken
