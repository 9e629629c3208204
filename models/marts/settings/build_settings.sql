-- One row per setting that decides what this build's numbers mean.
{%- set described = [
    ('cutoff', 'Clinical dates after this day count for nothing; null for no cut-off.'),
    ('preop_window_days', 'CT and MRI are in time when taken at most so many days before the '
        ~ 'first operation stage (assumption).'),
    ('reference_followup_days', 'Days after surgery by which a left lesion is judged by imaging.'),
    ('days_per_month', 'Days in a month, for every time told in months.'),
    ('confidence_level', 'Two-sided confidence level of every interval.'),
    ('npv_threshold', 'Prespecified threshold of the primary endpoint.'),
    ('derivation_version', 'Version of the derivation rules.'),
] %}
with
origins as (select * from {{ ref('load_origin') }}),

data_origin as (
    select
        case
            when count(case when origin = 'synthetic' then 1 end) = count(*) then 'synthetic'
            when count(case when origin = 'synthetic' then 1 end) = 0 then 'collected'
            else 'partly synthetic'
        end as origin
    from origins
),

-- Records are kept out only where a build is told to, for open S1 queries.
excluded as (
    select distinct
        form,
        record_key
    from {{ ref('load_s1_exclusions') }}
),

settings as (
    select
        'data_origin' as setting,
        origin as value,
        'Whether the data are collected or synthetic.' as description
    from data_origin
    union all
    select
        's1_records_excluded' as setting,
        cast(count(*) as string) as value,
        'Records of patients with an open S1 query, left out of every number.' as description
    from excluded
    {%- for setting, description in described %}
    union all
    select
        '{{ setting }}' as setting,
        {{ 'null' if var(setting) is none else "'" ~ var(setting) ~ "'" }} as value,
        '{{ description }}' as description
    {%- endfor %}
)

select
    cast(setting as string) as setting,
    cast(value as string) as value,
    cast(description as string) as description
from settings
