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

-- The two resection groups are defined among patients with a confirmed DLM, and shown there.
group_members as (
    {% for analysis_set, membership in analysis_sets.items() %}
        select
            {{ loop.index }} as set_order,
            '{{ analysis_set }}' as analysis_set,
            'overall' as group_name,
            patient_id
        from patients
        where {{ membership }}
        union all
    {% endfor %}
    select
        {{ analysis_sets | length }} as set_order,
        'confirmed_dlm' as analysis_set,
        resection_group as group_name,
        patient_id
    from patients
    where has_confirmed_dlm and resection_group is not null
),

---------- characteristics counted by level

patient_levels as (
    {% for order, characteristic, expression, levels in characteristics if levels is not none %}
        select
            patient_id,
            '{{ characteristic }}' as characteristic,
            {{ expression }} as level
        from patients
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
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
    from patient_levels
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
        group_members.set_order,
        group_members.analysis_set,
        group_members.group_name,
        levels.characteristic_order,
        levels.characteristic,
        levels.level_order,
        levels.level,
        count(case when patient_levels.level = levels.level then 1 end) as n,
        count(*) as n_total,
        count(*) - count(patient_levels.level) as n_missing
    from group_members
    inner join patient_levels
        on group_members.patient_id = patient_levels.patient_id
    inner join levels
        on patient_levels.characteristic = levels.characteristic
    group by
        group_members.set_order,
        group_members.analysis_set,
        group_members.group_name,
        levels.characteristic_order,
        levels.characteristic,
        levels.level_order,
        levels.level
),

---------- characteristics measured

patient_measurements as (
    {% for order, characteristic, expression, levels in characteristics if levels is none %}
        select
            patient_id,
            {{ order }} as characteristic_order,
            '{{ characteristic }}' as characteristic,
            cast({{ expression }} as double) as measurement
        from patients
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

measurement_quantiles as (
    select
        group_members.set_order,
        group_members.analysis_set,
        group_members.group_name,
        patient_measurements.characteristic_order,
        patient_measurements.characteristic,
        count(patient_measurements.measurement) as n,
        count(*) as n_total,
        count(*) - count(patient_measurements.measurement) as n_missing,
        {{ quantile_type7('patient_measurements.measurement', 0.5) }} as median,
        {{ quantile_type7('patient_measurements.measurement', 0.25) }} as q1,
        {{ quantile_type7('patient_measurements.measurement', 0.75) }} as q3,
        min(patient_measurements.measurement) as minimum,
        max(patient_measurements.measurement) as maximum
    from group_members
    inner join patient_measurements
        on group_members.patient_id = patient_measurements.patient_id
    group by
        group_members.set_order,
        group_members.analysis_set,
        group_members.group_name,
        patient_measurements.characteristic_order,
        patient_measurements.characteristic
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
