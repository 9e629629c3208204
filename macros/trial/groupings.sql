{#-
    Whether a group that is known at `known_at` (from_the_start or day_0) is known at the column `origin` of an
    endpoint. Compared from an earlier origin, those who lived to be grouped would seem to have gained by it.
-#}
{% macro known_at_origin(known_at) -%}
    {%- if known_at == 'from_the_start' -%}
    true
    {%- elif known_at == 'day_0' -%}
    (origin = 'day_0')
    {%- else -%}
    {{ exceptions.raise_compiler_error("survival_groupings: known_at is from_the_start or day_0, not " ~ known_at) }}
    {%- endif -%}
{%- endmacro %}

{#-
    Subjects of every curve from the rows of time_to_event: `paramcd`, `grouping`, `group_value` and the named
    columns, once undivided and once by each grouping for those in one of its groups.
-#}
{% macro survival_subjects(times, columns) -%}
    select
        paramcd,
        'overall' as grouping,
        'all' as group_value,
        {{ columns | join(',\n        ') }}
    from {{ times }}
    {%- for grouping in var('survival_groupings') %}
    union all
    select
        paramcd,
        '{{ grouping.column }}' as grouping,
        {{ grouping.column }} as group_value,
        {{ columns | join(',\n        ') }}
    from {{ times }}
    where {{ grouping.column }} is not null
    {%- endfor %}
{%- endmacro %}

{#- One row per grouping, overall among them. -#}
{% macro survival_grouping_names() -%}
    select 'overall' as grouping
    {%- for grouping in var('survival_groupings') %}
    union all
    select '{{ grouping.column }}' as grouping
    {%- endfor %}
{%- endmacro %}


{#-
    Rows about patients once for each analysis set they are in and, among those with a confirmed DLM, where alone
    they are defined, once for their resection group. `analysis_sets` names the conditions in their order.
-#}
{% macro of_each_group(rows, analysis_sets) -%}
    {%- for analysis_set, membership in analysis_sets.items() %}
    select
        {{ loop.index }} as set_order,
        '{{ analysis_set }}' as analysis_set,
        'overall' as group_name,
        {{ rows }}.*
    from {{ rows }}
    where {{ membership }}
    union all
    {%- endfor %}
    select
        {{ analysis_sets | length }} as set_order,
        'confirmed_dlm' as analysis_set,
        resection_group as group_name,
        {{ rows }}.*
    from {{ rows }}
    where has_confirmed_dlm and resection_group is not null
{%- endmacro %}
