-- Without a cut-off every record key of staging reaches its core table, but those that the build
-- was told to keep out.
{%- if var('cutoff') %}
select cast(null as string) as record_key
where false
{%- else %}
with

excluded as (
    select
        form,
        record_key
    from {{ ref('load_s1_exclusions') }}
),
{%- for form, table, key in [
    ('registration', 'dim_patient', "patient_id"),
    ('lesion', 'fct_lesion', "lesion_key"),
    ('read', 'fct_read', "read_key"),
    ('surgery', 'fct_surgery', "surgery_key"),
    ('followup', 'fct_followup', "followup_key"),
] %}
{%- set expected = {
    'dim_patient': 'patient_id',
    'fct_lesion': key_of(['lesion_id']),
    'fct_read': key_of(['record_key']),
    'fct_surgery': key_of(['record_key']),
    'fct_followup': key_of(['patient_id', visit_as_told()]),
}[table] %}

{{ form }}_staged as (
    {%- for source in source_names() %}
    select
        {{ expected }} as core_key,
        record_key
    from {{ ref('stg_' ~ source ~ '__' ~ form) }}
    {%- if form in ('registration', 'lesion') %}
    where {{ 'patient_id' if form == 'registration' else 'lesion_id' }} is not null
    {%- endif %}
    {%- if not loop.last %}
    union
    {%- endif %}
    {%- endfor %}
),

{{ form }}_lost as (
    select
        '{{ form }}' as form,
        staged.record_key
    from {{ form }}_staged as staged
    left join {{ ref(table) }} as kept on staged.core_key = kept.{{ key }}
    left join excluded
        on
            staged.record_key = excluded.record_key
            and excluded.form = '{{ form }}'
    where
        kept.{{ key }} is null
        and excluded.record_key is null
),
{%- endfor %}

lost as (
    {%- for form in ['registration', 'lesion', 'read', 'surgery', 'followup'] %}
    select * from {{ form }}_lost
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select
    form,
    record_key
from lost
{%- endif %}
