-- Of conflicting duplicates (rule GN03) the greatest payload hash wins, whatever the order of
-- files. A record that a build was told to keep out, for an open S1 query, has no winner. Keys are
-- counted by a short hash first: few repeat, and to group all of them as text would fill the
-- memory.
with
{%- for form in form_names() %}

{{ form }}_hashes as (
    {%- for source in source_names() %}
    select {{ short_hash([staged_record_key(form)]) | indent(4) }} as key_hash
    from {{ staged_model(source, form) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

{{ form }}_repeated as (
    select key_hash
    from {{ form }}_hashes
    group by key_hash
    having count(*) > 1
),

{{ form }}_suspected as (
    {%- for source in source_names() %}
    select
        {{ staged_record_key(form, 'records.') | indent(4) }} as record_key,
        {{ staged_payload_hash(form, 'records.') | indent(4) }} || records.source as candidate
    from {{ staged_model(source, form) }} as records
    inner join {{ form }}_repeated as repeated
        on {{ short_hash([staged_record_key(form, 'records.')]) | indent(8) }} = repeated.key_hash
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
    from {{ form }}_suspected
    group by record_key
    having count(*) > 1
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

excluded as (
    select distinct
        form,
        record_key
    from {{ ref('load_s1_exclusions') }}
),

settled as (
    select
        contested.form,
        contested.record_key,
        contested.winner
    from contested
    left join excluded
        on
            contested.form = excluded.form
            and contested.record_key = excluded.record_key
    where excluded.record_key is null
    union all
    select
        form,
        record_key,
        'excluded' as winner
    from excluded
)

select
    form,
    record_key,
    winner
from settled
