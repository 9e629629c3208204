{#-
    Comparisons of the groups of a curve key: `counts` has the columns `by` and `group` (none null), and
    `time_value`, `n_event`, `n_censor` of every group on its own. `by` has at least one column.
-#}

{#-
    Observed and at risk in each group, and in all of them, at every time when any group has an event.
-#}
{% macro risk_sets(counts, by, group) -%}
    {%- set key = by | join(', ') -%}
    with groups as (
        select distinct {{ key }}, {{ group }}
        from {{ counts }}
    ),

    times as (
        select {{ key }}, time_value
        from {{ counts }}
        group by {{ key }}, time_value
    ),

    by_group as (
        select
            {{ key }},
            {{ group }},
            time_value,
            coalesce(n_event, 0) as n_event,
            sum(coalesce(n_event, 0) + coalesce(n_censor, 0)) over (
                partition by {{ key }}, {{ group }}
                order by time_value desc
                rows between unbounded preceding and current row
            ) as n_risk
        from groups
        inner join times using ({{ key }})
        left join {{ counts }} using ({{ key }}, {{ group }}, time_value)
    ),

    pooled as (
        select
            {{ key }},
            {{ group }},
            time_value,
            cast(n_event as double) as n_event,
            cast(n_risk as double) as n_risk,
            cast(sum(n_event) over (partition by {{ key }}, time_value) as double) as pooled_event,
            cast(sum(n_risk) over (partition by {{ key }}, time_value) as double) as pooled_risk
        from by_group
    )

    select
        {{ key }},
        {{ group }},
        time_value,
        n_event,
        n_risk,
        pooled_event,
        pooled_risk
    from pooled
    where pooled_event > 0
{%- endmacro %}

{#-
    Log-rank test of all groups: `n_groups`, `logrank_chi2`, `df`, `p_value`. As in R's survdiff a group without
    expected events takes no part; the statistic is null where fewer than two groups are left or they are
    never at risk together.
-#}
{% macro log_rank(counts, by, group) -%}
    {%- set key = by | join(', ') -%}
    with all_groups as (
        select {{ key }}, cast(count(distinct {{ group }}) as bigint) as n_groups
        from {{ counts }}
        group by {{ key }}
    ),

    risk_sets as (
        {{ risk_sets(counts, by, group) }}
    ),

    differences as (
        select
            {{ key }},
            {{ group }},
            sum(n_event)
            - {{ ordered_sum('pooled_event * n_risk / pooled_risk', 'time_value') }} as difference
        from risk_sets
        group by {{ key }}, {{ group }}
        having sum(pooled_event * n_risk) > 0
    ),

    numbered as (
        select
            {{ key }},
            {{ group }},
            difference,
            cast(row_number() over (partition by {{ key }} order by {{ group }}) as integer) as place,
            cast(count(*) over (partition by {{ key }}) as integer) as n_compared
        from differences
    ),

    placed_sets as (
        select
            {{ key }},
            place,
            n_compared,
            time_value,
            n_risk / pooled_risk as share,
            -- a set of one has no variance
            pooled_event * (pooled_risk - pooled_event) / greatest(pooled_risk - 1, 1) as spread
        from risk_sets
        inner join numbered using ({{ key }}, {{ group }})
    ),

    covariances as (
        select
            {{ key }},
            across.place as matrix_row,
            down.place as matrix_column,
            {{ ordered_sum(
                'across.spread * across.share'
                ~ ' * (case when across.place = down.place then 1e0 else 0e0 end - down.share)',
                'time_value'
            ) }} as entry
        from placed_sets as across
        inner join placed_sets as down using ({{ key }}, time_value)
        where across.place < across.n_compared and down.place < down.n_compared
        group by {{ key }}, across.place, down.place
    ),

    -- the covariances of all groups but the last, bordered by their differences and a zero corner
    entries as (
        select {{ key }}, matrix_row, matrix_column, entry
        from covariances
        union all
        select {{ key }}, place as matrix_row, n_compared as matrix_column, difference as entry
        from numbered
        where place < n_compared
        union all
        select {{ key }}, n_compared as matrix_row, place as matrix_column, difference as entry
        from numbered
        where place < n_compared
        union all
        select {{ key }}, n_compared as matrix_row, n_compared as matrix_column, 0e0 as entry
        from numbered
        where place = n_compared
    ),

    matrix_rows as (
        select
            {{ key }},
            matrix_row,
            {{ ordered_list('entry', 'matrix_column') }} as matrix_entries
        from entries
        group by {{ key }}, matrix_row
    ),

    matrices as (
        select
            {{ key }},
            cast(count(*) as integer) as size,
            {{ ordered_list('matrix_entries', 'matrix_row') }} as matrix
        from matrix_rows
        group by {{ key }}
    ),

    statistics as (
        select
            {{ key }},
            size - 1 as df,
            case when size > 1 then -{{ eliminated_corner('matrix', 'size') }} end as chi2
        from matrices
    )

    select
        {{ key }},
        n_groups,
        -- rounding may leave a difference of nothing a little below it
        case when chi2 is not null then greatest(chi2, 0e0) end as logrank_chi2,
        cast(case when chi2 is not null then df end as integer) as df,
        case when chi2 is not null then {{ chi_square_upper_tail('chi2', 'df') }} end as p_value
    from all_groups
    left join statistics using ({{ key }})
{%- endmacro %}

{#-
    Cox hazard ratio of the last of two groups (in the order of their values) against the first, ties by
    Efron's method, with the Wald interval: `hr_contrast`, `log_hazard_ratio`, `std_err`, `hazard_ratio`,
    `hr_lower`, `hr_upper`. One row per key with exactly two groups; the estimates are null where the ratio has
    no finite maximum of the partial likelihood, that is unless each group has an event while the other is at
    risk.

    Newton's method from 0 with steps of at most 1: a change of 1 in the log ratio changes the information at
    most e-fold, so a step that overshoots leaves at most 0.72 of the score behind it, and convergence is
    quadratic near the end. Thirty steps reach every ratio within exp(20) to the last digits.
-#}
{% macro cox_two_groups(counts, by, group) -%}
    {%- set key = by | join(', ') -%}
    with pairs as (
        select
            {{ key }},
            min({{ group }}) as reference_group,
            max({{ group }}) as index_group
        from {{ counts }}
        group by {{ key }}
        having count(distinct {{ group }}) = 2
    ),

    risk_sets as (
        {{ risk_sets(counts, by, group) }}
    ),

    paired_sets as (
        select
            {{ key }},
            reference_group,
            index_group,
            time_value,
            {%- for value in ['risk', 'event'] %}
            {%- for side in ['reference', 'index'] %}
            max(case when {{ group }} = {{ side }}_group then n_{{ value }} end) as {{ side }}_{{ value }},
            {%- endfor %}
            {%- endfor %}
            max(pooled_event) as tied
        from risk_sets
        inner join pairs using ({{ key }})
        group by {{ key }}, reference_group, index_group, time_value
    ),

    -- times when only one group is at risk tell nothing of the ratio
    informative as (
        select
            {{ key }},
            sum(reference_event) as reference_events,
            sum(index_event) as index_events,
            {{ ordered_structs(
                ['tied', 'reference_risk', 'index_risk', 'reference_event', 'index_event'],
                'time_value',
            ) }} as risk_sets
        from paired_sets
        where reference_risk > 0 and index_risk > 0
        group by {{ key }}
    ),

    -- one weight of each group per event: of d tied events l / d are gone when the next is taken, l < d
    weighted as (
        select
            {{ key }},
            reference_events,
            index_events,
            {%- for side in ['reference', 'index'] %}
            {{ list_map(
                'risk_sets', 'set_', list_map(
                    countdown('set_.tied'), 'tie_',
                    'set_.' ~ side ~ '_risk - (tie_ - 1e0) / set_.tied * set_.' ~ side ~ '_event'
                )
            ) }} as {{ side }}_weights{{ ',' if not loop.last }}
            {%- endfor %}
        from informative
    ),

    events as (
        select
            {{ key }},
            reference_events,
            index_events,
            {{ list_pairs('reference_side', 'flatten(reference_weights)', 'index_side', 'flatten(index_weights)') }} as weights
        from weighted
    ),

    estimates as (
        select
            {{ key }},
            weights,
            case
                when reference_events > 0 and index_events > 0
                    then {{ fold(
                        countdown(30), '0e0', 'beta_', 'step_',
                        'beta_ + ' ~ bind(
                            'ratio_', 'exp(beta_)',
                            'greatest(-1e0, least(1e0, (index_events - ' ~ _cox_expected('ratio_')
                            ~ ') / ' ~ _cox_information('ratio_') ~ '))'
                        )
                    ) }}
            end as beta
        from events
    ),

    informations as (
        select
            {{ key }},
            beta,
            case when beta is not null then 1e0 / sqrt({{ _cox_information('exp(beta)') }}) end as std_err
        from estimates
    ),

    level as (
        select {{ confidence_z() }} as z
    )

    select
        {{ key }},
        cast(index_group as string) || ' vs ' || cast(reference_group as string) as hr_contrast,
        beta as log_hazard_ratio,
        std_err,
        exp(beta) as hazard_ratio,
        exp(beta - z * std_err) as hr_lower,
        exp(beta + z * std_err) as hr_upper
    from pairs
    cross join level
    left join informations using ({{ key }})
{%- endmacro %}

{#- Events expected of the index group at a hazard ratio: its share of the weights, over all events. -#}
{% macro _cox_expected(ratio) -%}
    {{ list_total(
        'weights', 'w_',
        'w_.index_side * ' ~ ratio ~ ' / (w_.reference_side + w_.index_side * ' ~ ratio ~ ')'
    ) }}
{%- endmacro %}

{#- Information on the log ratio: the sum of share * (1 - share), without the cancellation near 1. -#}
{% macro _cox_information(ratio) -%}
    {{ list_total(
        'weights', 'w_',
        'w_.reference_side * w_.index_side * ' ~ ratio ~ ' / ((w_.reference_side + w_.index_side * '
        ~ ratio ~ ') * (w_.reference_side + w_.index_side * ' ~ ratio ~ '))'
    ) }}
{%- endmacro %}
