-- Comparison of the groups of each grouping: one row per endpoint and grouping, exploratory.
{%- set key = ['paramcd', 'grouping', 'compared_within'] %}
with

km_curve as (
    select * from {{ ref('km_curve') }}
),

counts as (
    select
        paramcd,
        grouping,
        'everybody' as compared_within,
        'everybody' as stratum,
        group_value,
        time_days as time_value,
        n_event,
        n_censor
    from km_curve
    -- the counts are the same beside either interval
    where conf_type = 'log'
),

time_to_event as (
    select * from {{ ref('time_to_event') }}
),

endpoints as (
    select * from {{ ref('ref_endpoints') }}
),

stratum_subjects as (
    {{ survival_subjects(
        'time_to_event',
        [
            "coalesce(stratum, '(missing)') as stratum",
            'aval as time_value',
            '1 - cnsr as had_event',
        ],
    ) }}
),

stratum_counts as (
    {{ survival_counts('stratum_subjects', ['paramcd', 'grouping', 'stratum', 'group_value']) }}
),

-- what is not stratified is compared as one stratum
all_counts as (
    select * from counts
    union all
    select
        paramcd,
        grouping,
        'stratum' as compared_within,
        stratum,
        group_value,
        time_value,
        n_event,
        n_censor
    from stratum_counts
),

groupings as (
    {{ survival_grouping_names() }}
),

compared as (
    select distinct
        counts.paramcd,
        groupings.grouping,
        case
            {%- for grouping in var('survival_groupings') %}
            when
                groupings.grouping = '{{ grouping.column }}'
                and not {{ known_at_origin(grouping.known_at) }}
                then
                    'refused: {{ grouping.column }} is known at {{ grouping.known_at }}'
                    || ', after the origin ('
                    || endpoints.origin || ')'
            {%- endfor %}
        end as refusal
    from counts
    cross join groupings
    left join endpoints on counts.paramcd = endpoints.paramcd
),

log_rank as (
    {{ log_rank('all_counts', key, 'group_value', ['stratum']) }} -- noqa: PRS
),

hazard_ratios as (
    {{ cox_two_groups('all_counts', key, 'group_value', ['stratum']) }} -- noqa: PRS
),

results as (
    select
        log_rank.paramcd,
        log_rank.grouping,
        log_rank.compared_within,
        log_rank.n_groups,
        log_rank.logrank_chi2,
        log_rank.df,
        log_rank.p_value,
        hazard_ratios.hazard_ratio,
        hazard_ratios.hr_lower,
        hazard_ratios.hr_upper,
        hazard_ratios.hr_contrast
    from log_rank
    left join hazard_ratios using (paramcd, grouping, compared_within)
),

overall as (
    select * from results
    where compared_within = 'everybody'
),

stratified as (
    select * from results
    where compared_within = 'stratum'
)

select
    cast(compared.paramcd as string) as paramcd,
    cast(compared.grouping as string) as grouping,
    cast(coalesce(overall.n_groups, 0) as bigint) as n_groups,

    ---------- log-rank test
    cast(overall.logrank_chi2 as double) as logrank_chi2,
    cast(overall.df as integer) as df,
    cast(overall.p_value as double) as p_value,

    ---------- Cox model
    cast(overall.hazard_ratio as double) as hazard_ratio,
    cast(overall.hr_lower as double) as hr_lower,
    cast(overall.hr_upper as double) as hr_upper,
    cast(overall.hr_contrast as string) as hr_contrast,

    ---------- both again, compared only within the values of the stratum
    cast('{{ var("survival_stratum") }}' as string) as stratified_by,
    cast(stratified.logrank_chi2 as double) as stratified_logrank_chi2,
    cast(stratified.df as integer) as stratified_df,
    cast(stratified.p_value as double) as stratified_p_value,
    cast(stratified.hazard_ratio as double) as stratified_hazard_ratio,
    cast(stratified.hr_lower as double) as stratified_hr_lower,
    cast(stratified.hr_upper as double) as stratified_hr_upper,

    ---------- how to read it
    cast('exploratory' as string) as label,
    cast(case
        when compared.refusal is not null then compared.refusal
        when coalesce(overall.n_groups, 0) < 2 then 'fewer than two groups'
        when overall.logrank_chi2 is null then 'no event while two groups are at risk'
        when overall.n_groups > 2 then 'no hazard ratio for more than two groups'
        when overall.hazard_ratio is null
            then 'hazard ratio not finite: a group has no event while the other is at risk'
    end as string) as not_estimable_reason
from compared
left join overall using (paramcd, grouping)
left join stratified using (paramcd, grouping)
