{#-
Which parents a form's records need. A follow-up row names a lesion only where it is about one.
-#}
{%- set parents = {
    'registration': ['site'],
    'lesion': ['patient'],
    'read': ['patient', 'lesion'],
    'surgery': ['patient'],
    'disposition': ['patient', 'lesion', 'stage'],
    'pathology': ['patient', 'lesion'],
    'followup': ['patient', 'lesion'],
    'outcome': ['patient'],
} -%}
with

sites as (select site_id from {{ ref('ref_sites') }}),

patients as (
    {%- for source in source_names() %}
    select patient_id from {{ ref('stg_' ~ source ~ '__registration') }}
    {%- if not loop.last %}
    union
    {%- endif %}
    {%- endfor %}
),

lesions as (
    {%- for source in source_names() %}
    select lesion_id from {{ ref('stg_' ~ source ~ '__lesion') }}
    {%- if not loop.last %}
    union
    {%- endif %}
    {%- endfor %}
),

stages as (
    {%- for source in source_names() %}
    select
        patient_id,
        stage
    from {{ ref('stg_' ~ source ~ '__surgery') }}
    {%- if not loop.last %}
    union
    {%- endif %}
    {%- endfor %}
),

orphans as (
    {%- set ns = namespace(first=true) %}
    {%- for form in form_names() %}
    {%- for parent in parents[form] %}
    {%- for source in source_names() %}
    {%- if not ns.first %}
    union all
    {%- endif %}
    {%- set ns.first = false %}
    select
        records.source,
        '{{ form }}' as form,
        '{{ parent }}' as missing_parent,
        records.patient_id,
        {{ 'records.lesion_id' if 'lesion' in parents[form] + [form] else 'cast(null as string)' }}
            as lesion_id,
        {{ staged_record_key(form, 'records.') | indent(8) }} as record_key,
        records.delivery_file,
        records.delivery_line
    from {{ staged_model(source, form) }} as records
    {%- if parent == 'site' %}
    left join sites on records.site_id = sites.site_id
    where sites.site_id is null
    {%- elif parent == 'patient' %}
    left join patients on records.patient_id = patients.patient_id
    where patients.patient_id is null
    {%- elif parent == 'lesion' %}
    left join lesions on records.lesion_id = lesions.lesion_id
    where
        lesions.lesion_id is null
        {%- if form == 'followup' %}
        and records.lesion_no is not null
        {%- endif %}
    {%- else %}
    left join stages on records.patient_id = stages.patient_id and records.stage = stages.stage
    where stages.stage is null
    {%- endif %}
    {%- endfor %}
    {%- endfor %}
    {%- endfor %}
)

select
    source,
    form,
    missing_parent,
    patient_id,
    lesion_id,
    record_key,
    delivery_file,
    delivery_line
from orphans
