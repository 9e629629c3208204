{#-
    Kaplan-Meier curves of any relation. Every macro of this folder expands to one query, to be put in a CTE;
    `by` lists the key columns of a curve (none of them null), and times are `time_value`, any number >= 0.

        subjects --survival_counts--> counts --kaplan_meier--> steps --kaplan_meier_intervals--> curve
        counts --log_rank, cox_two_groups--> comparison of groups

    Subjects are first folded to distinct times, so that the work grows with the number of times and not
    with the number of subjects.
-#}

{#-
    Counts at every distinct time of each curve, event or censoring, from subjects with `time_value` and
    `had_event` (1 event, 0 censored). At risk at t is everyone with a time >= t.
-#}
{% macro survival_counts(subjects, by) -%}
    with counted as (
        select
            {{ by | join(', ') }},
            time_value,
            cast(sum(had_event) as bigint) as n_event,
            cast(count(*) - sum(had_event) as bigint) as n_censor
        from {{ subjects }}
        group by {{ by | join(', ') }}, time_value
    )

    select
        {{ by | join(', ') }},
        time_value,
        n_event,
        n_censor,
        cast(sum(n_event + n_censor) over (
            partition by {{ by | join(', ') }}
            order by time_value desc
            rows between unbounded preceding and current row
        ) as bigint) as n_risk
    from counted
{%- endmacro %}

{#-
    The estimate at every time of the counts: `survival`, `log_variance` (Greenwood's variance of its
    logarithm) and `std_err` of survival, both null once survival is 0. With `event='n_censor',
    censor='n_event'` it is the reverse curve, of follow-up.

    Between events the values of the last event are carried, so that a flat stretch is exactly flat whatever
    the order in which an engine multiplies.
-#}
{% macro kaplan_meier(counts, by, event='n_event', censor='n_censor') -%}
    {%- set key = by | join(', ') -%}
    with told as (
        select
            {{ key }},
            time_value,
            n_risk,
            {{ event }} as n_event,
            {{ censor }} as n_censor
        from {{ counts }}
    ),

    factors as (
        select
            {{ key }},
            time_value,
            n_risk,
            n_event,
            n_censor,
            cast(n_risk - n_event as double) / n_risk as share_surviving,
            -- as doubles: n * (n - d) leaves bigint behind past 3e9
            n_event / (cast(n_risk as double) * nullif(n_risk - n_event, 0)) as variance_added,
            sum(n_event) over (
                partition by {{ key }}
                order by time_value
                rows between unbounded preceding and current row
            ) as events_so_far
        from told
    ),

    accumulated as (
        select
            {{ key }},
            time_value,
            n_risk,
            n_event,
            n_censor,
            events_so_far,
            {{ running_product('share_surviving', key, 'time_value') }} as survival,
            sum(coalesce(variance_added, 0e0)) over (
                partition by {{ key }}
                order by time_value
                rows between unbounded preceding and current row
            ) as log_variance
        from factors
    ),

    carried as (
        select
            {{ key }},
            time_value,
            n_risk,
            n_event,
            n_censor,
            {%- for value in ['survival', 'log_variance'] %}
            first_value({{ value }}) over (
                partition by {{ key }}, events_so_far
                order by time_value
                rows between unbounded preceding and current row
            ) as {{ value }}{{ ',' if not loop.last }}
            {%- endfor %}
        from accumulated
    )

    select
        {{ key }},
        time_value,
        n_risk,
        n_event,
        n_censor,
        survival,
        case when survival > 0 then log_variance end as log_variance,
        case when survival > 0 then survival * sqrt(log_variance) end as std_err
    from carried
{%- endmacro %}

{#-
    The steps once for each `conf_type` asked for: pointwise intervals on the scale of log(S), R's default, and of
    log(-log(S)), the default of lifelines and SAS. At S = 1 log gives [1, 1] and log-log nothing; at S = 0
    neither gives any.
-#}
{% macro kaplan_meier_intervals(steps, by, conf_types=['log', 'log-log']) -%}
    {%- set key = by | join(', ') -%}
    with level as (
        select {{ confidence_z() }} as z
    ),

    scaled as (
        select
            {{ key }},
            time_value,
            n_risk,
            n_event,
            n_censor,
            survival,
            std_err,
            ln(nullif(survival, 0)) as log_survival,
            z * sqrt(log_variance) as half_width
        from {{ steps }}
        cross join level
    )

    {%- for conf_type in conf_types %}
    {{ 'union all' if not loop.first }}
    select
        {{ key }},
        '{{ conf_type }}' as conf_type,
        time_value,
        n_risk,
        n_event,
        n_censor,
        survival,
        std_err,
        {%- if conf_type == 'log' %}
        exp(log_survival - half_width) as ci_lower,
        case
            when log_survival is not null then least(exp(log_survival + half_width), 1e0)
        end as ci_upper
        {%- else %}
        exp(log_survival * exp(half_width / -nullif(log_survival, 0))) as ci_lower,
        exp(log_survival * exp(half_width / nullif(log_survival, 0))) as ci_upper
        {%- endif %}
    from scaled
    {%- endfor %}
{%- endmacro %}

{#- Product of the expression from the first row of the partition to this one. -#}
{% macro running_product(expression, partition_by, order_by) -%}
    {{ adapter.dispatch('running_product', 'dlm')(expression, partition_by, order_by) }}
{%- endmacro %}

{% macro duckdb__running_product(expression, partition_by, order_by) -%}
    product({{ expression }}) over (
        partition by {{ partition_by }}
        order by {{ order_by }}
        rows between unbounded preceding and current row
    )
{%- endmacro %}

{% macro spark__running_product(expression, partition_by, order_by) -%}
    aggregate(
        collect_list({{ expression }}) over (
            partition by {{ partition_by }}
            order by {{ order_by }}
            rows between unbounded preceding and current row
        ),
        cast(1 as double),
        (product_, factor_) -> product_ * factor_
    )
{%- endmacro %}
