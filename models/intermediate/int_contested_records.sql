-- Of conflicting duplicates (rule GN03) the greatest payload hash wins, whatever the order of
-- files.
with
{%- for form in form_names() %}

{{ form }}_records as (
    {%- for source in source_names() %}
    select
        record_key,
        payload_hash || source as candidate
    from {{ ref('stg_' ~ source ~ '__' ~ form) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),
{%- endfor %}

contested as (
    {%- for form in form_names() %}
    select
        '{{ form }}' as form,
        record_key,
        max(candidate) as winner
    from {{ form }}_records
    group by record_key
    having count(*) > 1
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select
    form,
    record_key,
    winner
from contested
