-- One row per analysis set, group, characteristic and level: the paper's Table 1. Counts with
-- percent of the patients whose value is known, or quantiles by type 7 (TRIAL rule 8).
{%- set analysis_sets = {
    'registered': 'true',
    'operated': 'is_operated',
    'dlm': 'has_dlm',
    'confirmed_dlm': 'has_confirmed_dlm',
} %}
{%- set characteristics = [
    (1, 'age_years', 'age', none),
    (2, 'sex', 'sex', ['M', 'F']),
    (3, 'region', 'region', ['Europe', 'Japan', 'United States']),
    (4, 'primary_site', 'primary_site', ['right_colon', 'left_colon', 'rectum']),
    (5, 'ras_status', 'ras_status', ['wild', 'mutant', 'unknown']),
    (6, 'metastases', "case when is_synchronous then 'synchronous' when not is_synchronous then "
        ~ "'metachronous' end", ['synchronous', 'metachronous']),
    (7, 'n_metastases', 'n_baseline_lesions', none),
    (8, 'largest_metastasis_mm', 'largest_lesion_mm', none),
    (9, 'cea_ng_ml', 'cea_ng_ml', none),
    (10, 'resectability', 'resectability', ['resectable', 'borderline', 'unresectable']),
    (11, 'chemo_cycles', 'chemo_cycles', none),
] %}
{%- set memberships = ['is_operated', 'has_dlm', 'has_confirmed_dlm', 'resection_group'] %}
with

dim_patient as (
    select *
    from {{ ref('dim_patient') }}
),

largest_lesions as (
    select
        patient_id,
        max(baseline_size_mm) as largest_lesion_mm
    from {{ ref('fct_lesion') }}
    where is_baseline_lesion
    group by patient_id
),

patients as (
    select
        dim_patient.*,
        largest_lesions.largest_lesion_mm
    from dim_patient
    left join largest_lesions
        on dim_patient.patient_id = largest_lesions.patient_id
),

---------- characteristics counted by level

-- Patients who are alike count as one row with their number: a registry has millions of patients
-- and some thousand kinds.
alike_levels as (
    {% for order, characteristic, expression, levels in characteristics if levels is not none %}
        select
            {{ memberships | join(', ') }},
            '{{ characteristic }}' as characteristic,
            {{ expression }} as level,
            count(*) as n_alike
        from patients
        group by {{ memberships | join(', ') }}, {{ expression }}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

group_levels as (
    {{ of_each_group('alike_levels', analysis_sets) | indent(4) }}
),

listed_levels as (
    {% for order, characteristic, expression, levels in characteristics if levels is not none %}
        {% set characteristic_loop = loop %}
        {% for level in levels %}
            select
                {{ order }} as characteristic_order,
                '{{ characteristic }}' as characteristic,
                {{ loop.index }} as level_order,
                '{{ level }}' as level
            {% if not (characteristic_loop.last and loop.last) %}union all{% endif %}
        {% endfor %}
    {% endfor %}
),

unlisted_levels as (
    select
        characteristic,
        level
    from alike_levels
    where level is not null
    except
    select
        characteristic,
        level
    from listed_levels
),

-- A level that is not listed is still shown, after those that are.
levels as (
    select *
    from listed_levels
    union all
    select
        listed_levels.characteristic_order,
        unlisted_levels.characteristic,
        100 + row_number() over (
            partition by unlisted_levels.characteristic
            order by unlisted_levels.level
        ) as level_order,
        unlisted_levels.level
    from unlisted_levels
    inner join listed_levels
        on
            unlisted_levels.characteristic = listed_levels.characteristic
            and listed_levels.level_order = 1
),

level_counts as (
    select
        group_levels.set_order,
        group_levels.analysis_set,
        group_levels.group_name,
        levels.characteristic_order,
        levels.characteristic,
        levels.level_order,
        levels.level,
        sum(case when group_levels.level = levels.level then group_levels.n_alike else 0 end) as n,
        sum(group_levels.n_alike) as n_total,
        sum(case when group_levels.level is null then group_levels.n_alike else 0 end) as n_missing
    from group_levels
    inner join levels
        on group_levels.characteristic = levels.characteristic
    group by
        group_levels.set_order,
        group_levels.analysis_set,
        group_levels.group_name,
        levels.characteristic_order,
        levels.characteristic,
        levels.level_order,
        levels.level
),

---------- characteristics measured

alike_measurements as (
    {% for order, characteristic, expression, levels in characteristics if levels is none %}
        select
            {{ memberships | join(', ') }},
            {{ order }} as characteristic_order,
            '{{ characteristic }}' as characteristic,
            cast({{ expression }} as double) as measurement,
            count(*) as n_alike
        from patients
        group by {{ memberships | join(', ') }}, cast({{ expression }} as double)
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

group_measurements as (
    {{ of_each_group('alike_measurements', analysis_sets) | indent(4) }}
),

ranked_measurements as (
    select
        set_order,
        analysis_set,
        group_name,
        characteristic_order,
        characteristic,
        measurement,
        n_alike,
        sum(case when measurement is not null then n_alike end) over (
            partition by set_order, group_name, characteristic
        ) as n_known,
        sum(case when measurement is not null then n_alike end) over (
            partition by set_order, group_name, characteristic
            order by measurement
        ) as n_up_to
    from group_measurements
),

measurement_quantiles as (
    select
        set_order,
        analysis_set,
        group_name,
        characteristic_order,
        characteristic,
        coalesce(n_known, 0) as n,
        sum(n_alike) as n_total,
        sum(n_alike) - coalesce(n_known, 0) as n_missing,
        {{ quantile_type7_of_counts('measurement', 'n_up_to', 'n_known', 0.5) }} as median,
        {{ quantile_type7_of_counts('measurement', 'n_up_to', 'n_known', 0.25) }} as q1,
        {{ quantile_type7_of_counts('measurement', 'n_up_to', 'n_known', 0.75) }} as q3,
        min(measurement) as minimum,
        max(measurement) as maximum
    from ranked_measurements
    group by
        set_order,
        analysis_set,
        group_name,
        characteristic_order,
        characteristic,
        n_known
),

rows_of_table as (
    select
        set_order,
        analysis_set,
        group_name,
        characteristic_order,
        characteristic,
        level_order,
        level,
        'n_percent' as statistic,
        n,
        n_total,
        n_missing,
        100e0 * {{ proportion('n', 'n_total - n_missing') }} as percent,
        cast(null as double) as median,
        cast(null as double) as q1,
        cast(null as double) as q3,
        cast(null as double) as minimum,
        cast(null as double) as maximum
    from level_counts
    union all
    select
        set_order,
        analysis_set,
        group_name,
        characteristic_order,
        characteristic,
        1 as level_order,
        '' as level,
        'median_iqr' as statistic,
        n,
        n_total,
        n_missing,
        cast(null as double) as percent,
        median,
        q1,
        q3,
        minimum,
        maximum
    from measurement_quantiles
)

select
    analysis_set,
    group_name,
    characteristic,
    level,
    statistic,
    cast(characteristic_order as integer) as characteristic_order,
    cast(level_order as integer) as level_order,

    ---------- counts
    cast(n as bigint) as n,
    cast(n_total as bigint) as n_total,
    cast(n_missing as bigint) as n_missing,
    percent,

    ---------- quantiles
    median,
    q1,
    q3,
    minimum,
    maximum
from rows_of_table
order by
    set_order,
    case group_name when 'overall' then 1 when 'all_resected' then 2 else 3 end,
    characteristic_order,
    level_order
