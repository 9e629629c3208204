{#-
Records whose parent is not there, one row for each parent that is missing. Which parents a form's
records need: a follow-up row names a lesion only where it is about one. Each parent is looked up once
for all forms that staging keeps keys of; records of the others (reads) get theirs where one is missing.
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
{%- set lacks = {
    'site': 'records.needs_site and sites.site_id is null',
    'patient': 'records.needs_patient and patients.patient_id is null',
    'lesion': 'records.needs_lesion and lesions.lesion_id is null',
    'stage': 'records.needs_stage and stages.stage is null',
} -%}
{%- set kinds = lacks.keys() | list -%}
{%- set groups = {'keyed': []} -%}
{%- for form in form_names() -%}
    {%- if is_kept_without_keys(form) -%}
        {%- do groups.update({form: [form]}) -%}
    {%- else -%}
        {%- do groups['keyed'].append(form) -%}
    {%- endif -%}
{%- endfor -%}
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
{% for group, forms in groups.items() %}
{{ group }}_records as (
    {%- set ns = namespace(first=true) %}
    {%- for form in forms %}
    {%- set columns = form_columns(form) | map(attribute='name') | list %}
    {%- for source in source_names() %}
    {%- if not ns.first %}
    union all
    {%- endif %}
    {%- set ns.first = false %}
    select
        source,
        '{{ form }}' as form,
        {%- if group != 'keyed' %}
        {%- for column in value_columns(form) if column not in ['patient_id', 'lesion_id'] %}
        {{ column }},
        {%- endfor %}
        key_as_written,
        {%- else %}
        {{ 'site_id' if 'site_id' in columns else 'cast(null as string) as site_id' }},
        {{ 'stage' if 'stage' in columns else 'cast(null as integer) as stage' }},
        record_key,
        {%- endif %}
        patient_id,
        {{ 'lesion_id' if 'lesion_no' in columns else 'cast(null as string) as lesion_id' }},
        {%- for kind in kinds %}
        {%- if kind not in parents[form] %}
        false as needs_{{ kind }},
        {%- elif form == 'followup' and kind == 'lesion' %}
        lesion_no is not null as needs_{{ kind }},
        {%- else %}
        true as needs_{{ kind }},
        {%- endif %}
        {%- endfor %}
        delivery_file,
        delivery_line
    from {{ staged_model(source, form) }}
    {%- endfor %}
    {%- endfor %}
),
{% endfor %}
orphans as (
    {%- for group in groups %}
    {%- set looked_up = kinds if group == 'keyed' else parents[group] %}
    {%- if not loop.first %}
    union all
    {%- endif %}
    select
        records.source,
        records.form,
        records.patient_id,
        records.lesion_id,
        {%- if group == 'keyed' %}
        records.record_key,
        {%- else %}
        {{ record_key(group, 'records.') | indent(8) }} as record_key,
        {%- endif %}
        records.delivery_file,
        records.delivery_line,
        {%- for kind in kinds %}
        {{ lacks[kind] if kind in looked_up else 'false' }} as lacks_{{ kind }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ group }}_records as records
    {%- for kind in looked_up %}
    left join {{ kind }}s
        on
            {%- for column in ['patient_id', 'stage'] if kind == 'stage' %}
            {{ 'and ' if not loop.first }}records.{{ column }} = stages.{{ column }}
            {%- else %}
            records.{{ kind }}_id = {{ kind }}s.{{ kind }}_id
            {%- endfor %}
    {%- endfor %}
    where
        {%- for kind in looked_up %}
        {{ 'or ' if not loop.first }}({{ lacks[kind] }})
        {%- endfor %}
    {%- endfor %}
)

{% for kind in kinds %}
select
    source,
    form,
    '{{ kind }}' as missing_parent,
    patient_id,
    lesion_id,
    record_key,
    delivery_file,
    delivery_line
from orphans
where lacks_{{ kind }}
{%- if not loop.last %}
union all
{%- endif %}
{%- endfor %}
