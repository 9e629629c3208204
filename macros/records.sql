{#-
Records of one form from every source: united, told apart by key, limited to the clinical cut-off.
-#}

{#- Hash of a natural key; the same text gives the same key on every build and engine. -#}
{% macro key_of(parts) -%}
    md5(
        concat_ws(
            '|',
            {%- for part in parts %}
            coalesce(cast({{ part }} as string), ''){{ ',' if not loop.last }}
            {%- endfor %}
        )
    )
{%- endmacro %}


{#-
CTEs `united` (all sources) and `kept`: one row per record key, the winner where duplicates
conflict; quality.conflicting_duplicates lists the others. Records of patients who registered after
the cut-off are left out.
-#}
{% macro united(form) -%}
{%- set columns = ['source'] + canonical_columns(form) -%}
{%- if 'lesion_no' in columns -%}
    {%- do columns.append('lesion_id') -%}
{%- endif -%}
{#- Named whatever the cut-off, for dbt knows parents from one reading without any. -#}
{%- set registrations = ref('int_registrations') if form != 'registration' else none -%}
{%- set may_register_later = form != 'registration' and cutoff_date() -%}
contested as (
    select
        record_key,
        winner
    from {{ ref('int_contested_records') }}
    where form = '{{ form }}'
),

united as (
    {%- for source in source_names() %}
    select
        {%- for column in columns + key_columns(form) %}
        {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
        {%- if is_kept_without_keys(form) %},
        {{ record_key(form) | indent(4) }} as record_key
        {%- endif %}
    from {{ staged_model(source, form) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),
{% if may_register_later %}
registered_later as (
    select patient_id
    from {{ registrations }}
    where not {{ within_cutoff('registration_date') }}
),
{% endif %}
kept as (
    select united.*
    from united
    left join contested on united.record_key = contested.record_key
    {%- if may_register_later %}
    left join registered_later on united.patient_id = registered_later.patient_id
    {%- endif %}
    where
        case
            when contested.record_key is null then true
            else {{ staged_payload_hash(form, 'united.') | indent(8) }} || united.source = contested.winner
        end
        {%- if may_register_later %}
        and registered_later.patient_id is null
        {%- endif %}
),
{%- endmacro %}


{#- A date of a record, null when it lies after the cut-off: what it tells was not known then. -#}
{% macro until_cutoff(date_column) -%}
    {%- if cutoff_date() -%}
    case when {{ date_column }} <= {{ cutoff_date() }} then {{ date_column }} end
    {%- else -%}
    {{ date_column }}
    {%- endif -%}
{%- endmacro %}


{#-
A column that goes with a date, replaced by the cut-off (or `cap`) where the date lies after it.
-#}
{% macro capped_at_cutoff(column, date_column, cap=none) -%}
    {%- if cutoff_date() -%}
    case
        when {{ date_column }} > {{ cutoff_date() }} then {{ cap or cutoff_date() }}
        else {{ column }}
    end
    {%- else -%}
    {{ column }}
    {%- endif -%}
{%- endmacro %}


{#- Code yes or no as boolean. -#}
{% macro is_yes(column) -%}
    case {{ column }} when 'yes' then true when 'no' then false end
{%- endmacro %}


{#- Number of a finding's visit, as it was written where it is no number; null where it is blank. -#}
{% macro visit_as_told(relation='') -%}
    coalesce(
        cast({{ relation }}visit_no as string),
        nullif(split_part({{ relation }}record_key, '|', 2), '')
    )
{%- endmacro %}


{#-
Natural key of a finding as people cite it: JP07-012|visit 3, with the lesion where it is about one,
as it was written where it is no number.
-#}
{% macro finding_reference(relation='') -%}
    concat_ws(
        '|',
        {{ relation }}patient_id,
        'visit ' || {{ visit_as_told(relation) | indent(8) }},
        coalesce(
            {{ relation }}lesion_id,
            nullif(split_part({{ relation }}record_key, '|', 3), '')
        )
    )
{%- endmacro %}


{#- Distinct texts of a group, sorted and joined; null when there are none. -#}
{% macro sorted_texts(expression) -%}
    {{ return(adapter.dispatch('sorted_texts')(expression)) }}
{%- endmacro %}

{% macro default__sorted_texts(expression) -%}
    string_agg(distinct {{ expression }}, ', ' order by {{ expression }})
{%- endmacro %}

{% macro spark__sorted_texts(expression) -%}
    nullif(array_join(sort_array(collect_set({{ expression }})), ', '), '')
{%- endmacro %}


{#- Band of a size by the limits of var size_band_limits_mm; a size on a limit belongs below it. -#}
{% macro size_band(size_mm) -%}
    {%- set limits = var('size_band_limits_mm') -%}
    case
        when {{ size_mm }} is null then 'missing'
        {%- for limit in limits %}
        when {{ size_mm }} <= {{ limit }}
            then '{{ '<=' if loop.first else '>' ~ limits[loop.index0 - 1] ~ '-' }}{{ limit }} mm'
        {%- endfor %}
        else '>{{ limits[-1] }} mm'
    end
{%- endmacro %}
