{#-
    Comparisons of the groups of a curve key: `counts` has the columns `by`, `strata` and `group` (none null), and
    `time_value`, `n_event`, `n_censor` of every group and stratum on its own. `by` has at least one column. With
    strata only patients of one stratum are compared with each other, and what that tells is added up.
-#}

{#-
    Observed and at risk in each group, and in all of them, at every time when any group of the stratum has an
    event; `set_no` puts those of a key and group in their order.
-#}
{% macro risk_sets(counts, by, group, strata=[]) -%}
    {%- set key = (by + strata) | join(', ') -%}
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
        row_number() over (
            partition by {{ by | join(', ') }}, {{ group }}
            order by {{ (strata + ['time_value']) | join(', ') }}
        ) as set_no,
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
{% macro log_rank(counts, by, group, strata=[]) -%}
    {%- set key = by | join(', ') -%}
    {%- set set_key = (by + strata + ['time_value']) | join(', ') -%}
    with all_groups as (
        select {{ key }}, cast(count(distinct {{ group }}) as bigint) as n_groups
        from {{ counts }}
        group by {{ key }}
    ),

    risk_sets as (
        {{ risk_sets(counts, by, group, strata) }}
    ),

    differences as (
        select
            {{ key }},
            {{ group }},
            sum(n_event)
            - {{ ordered_sum('pooled_event * n_risk / pooled_risk', 'set_no') }} as difference
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
            {{ set_key }},
            place,
            n_compared,
            set_no,
            n_risk / pooled_risk as share,
            -- a set of one has no variance
            pooled_event * (pooled_risk - pooled_event) / greatest(pooled_risk - 1, 1) as spread
        from risk_sets
        inner join numbered using ({{ key }}, {{ group }})
    ),

    summed as (
        select
            {{ key }},
            across.place as matrix_row,
            down.place as matrix_column,
            {{ ordered_sum(
                'across.spread * across.share'
                ~ ' * (case when across.place = down.place then 1e0 else 0e0 end - down.share)',
                'across.set_no'
            ) }} as entry
        from placed_sets as across
        inner join placed_sets as down using ({{ set_key }})
        where across.place < across.n_compared and down.place < down.n_compared
        group by {{ key }}, across.place, down.place
    ),

    places as (
        select
            {{ key }},
            across.place as matrix_row,
            down.place as matrix_column
        from numbered as across
        inner join numbered as down using ({{ key }})
        where across.place < across.n_compared and down.place < down.n_compared
    ),

    -- two groups without a stratum in common have no covariance
    covariances as (
        select
            {{ key }},
            matrix_row,
            matrix_column,
            coalesce(entry, 0e0) as entry
        from places
        left join summed using ({{ key }}, matrix_row, matrix_column)
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
        case when chi2 > 0 then chi2 when chi2 is not null then 0e0 end as logrank_chi2,
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
{% macro cox_two_groups(counts, by, group, strata=[]) -%}
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
        {{ risk_sets(counts, by, group, strata) }}
    ),

    paired_sets as (
        select
            {{ (by + strata) | join(', ') }},
            reference_group,
            index_group,
            time_value,
            {%- for value in ['risk', 'event'] %}
            {%- for side in ['reference', 'index'] %}
            max(case when {{ group }} = {{ side }}_group then n_{{ value }} end) as {{ side }}_{{ value }},
            {%- endfor %}
            {%- endfor %}
            max(set_no) as set_no,
            max(pooled_event) as tied
        from risk_sets
        inner join pairs using ({{ key }})
        group by {{ (by + strata) | join(', ') }}, reference_group, index_group, time_value
    ),

    -- times when only one group is at risk tell nothing of the ratio
    informative as (
        select
            {{ key }},
            sum(reference_event) as reference_events,
            sum(index_event) as index_events,
            {{ ordered_structs(
                ['tied', 'reference_risk', 'index_risk', 'reference_event', 'index_event'],
                'set_no',
            ) }} as risk_sets
        from paired_sets
        where reference_risk > 0 and index_risk > 0
        group by {{ key }}
    ),

    estimates as (
        select
            {{ key }},
            risk_sets,
            case
                when reference_events > 0 and index_events > 0
                    then {{ newton(
                        '0e0', 30, 'beta_',
                        'greatest(-1e0, least(1e0, (index_events - ' ~ _cox_total('expected', 'exp(beta_)')
                        ~ ') / ' ~ _cox_total('information', 'exp(beta_)') ~ '))'
                    ) }}
            end as beta
        from informative
    ),

    informations as (
        select
            {{ key }},
            beta,
            case when beta is not null then 1e0 / sqrt({{ _cox_total('information', 'exp(beta)') }}) end as std_err
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

{#-
    Over all event times, events expected of the index group at a hazard ratio, or the information on its
    logarithm. Efron takes d tied events one after another; before the l-th (l < d) the share of the index group
    in the weights is

        (n1 - l e1 / d) ratio / ((n0 - l e0 / d) + (n1 - l e1 / d) ratio) = r + k / (y + d - 1 - l),

    n and e being those at risk and those with an event of either group, q = (e0 + e1 ratio) / d what one event
    takes away, r = e1 ratio / (d q), k = ratio (n1 e0 - n0 e1) / (d q^2), and y = what is left with the last
    event, over q. So the sum of the shares is d r + k H1 and that of share (1 - share) is
    d r (1 - r) + k (1 - 2 r) H1 - k^2 H2 with Hp the sum of 1 / (y + j)^p over j < d: the work grows with
    the number of times, not of events.
-#}
{% macro _cox_total(what, ratio) -%}
    {%- set counts = ['tied', 'reference_risk', 'index_risk', 'reference_event', 'index_event'] -%}
    {%- set kept = {} -%}
    {%- for name in counts -%}{%- do kept.update({name: 'set_.' ~ name}) -%}{%- endfor -%}
    {%- set one_taken = list_map('risk_sets', 'set_', struct_of(dict(kept, **{
        'taken': '(set_.reference_event + set_.index_event * ' ~ ratio ~ ') / set_.tied',
        'remains': 'set_.reference_risk - set_.reference_event + set_.reference_event / set_.tied'
            ~ ' + (set_.index_risk - set_.index_event + set_.index_event / set_.tied) * ' ~ ratio,
    }))) -%}
    {%- set in_units = list_map(one_taken, 'set_', struct_of({
        'tied': 'set_.tied',
        'y': 'set_.remains / set_.taken',
        'rest': 'set_.reference_event / (set_.tied * set_.taken)',
        'r': 'set_.index_event * ' ~ ratio ~ ' / (set_.tied * set_.taken)',
        'k': ratio ~ ' * (set_.index_risk * set_.reference_event - set_.reference_risk * set_.index_event)'
            ~ ' / (set_.tied * set_.taken * set_.taken)',
    })) -%}
    {%- set sums = {
        'expected': 'set_.tied * set_.r + set_.k * ' ~ harmonic_sum('set_.y', 'set_.tied', 1),
        'information': 'set_.tied * set_.r * set_.rest + set_.k * ((set_.rest - set_.r) * '
            ~ harmonic_sum('set_.y', 'set_.tied', 1) ~ ' - set_.k * '
            ~ harmonic_sum('set_.y', 'set_.tied', 2) ~ ')',
    } -%}
    {{ list_total(in_units, 'set_', sums[what]) }}
{%- endmacro %}
