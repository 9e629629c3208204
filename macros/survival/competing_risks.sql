{#-
    Cumulative incidence of an event that a competing one can forestall (Aalen and Johansen), of any relation:

        subjects --competing_counts--> counts --cumulative_incidence--> steps --incidence_intervals--> curve
-#}

{#-
    Counts at every distinct time of each curve, from subjects with `time_value` and `outcome` (0 censored, 1
    the event, 2 the competing one).
-#}
{% macro competing_counts(subjects, by) -%}
    {%- set key = by | join(', ') -%}
    with counted as (
        select
            {{ key }},
            time_value,
            cast(sum(case when outcome = 1 then 1 else 0 end) as bigint) as n_event,
            cast(sum(case when outcome = 2 then 1 else 0 end) as bigint) as n_competing,
            cast(sum(case when outcome = 0 then 1 else 0 end) as bigint) as n_censor
        from {{ subjects }}
        group by {{ key }}, time_value
    )

    select
        {{ key }},
        time_value,
        n_event,
        n_competing,
        n_censor,
        cast(sum(n_event + n_competing + n_censor) over (
            partition by {{ key }}
            order by time_value desc
            rows between unbounded preceding and current row
        ) as bigint) as n_risk
    from counted
{%- endmacro %}

{#-
    The estimate at every time of the counts: `incidence` of the event, `incidence_competing`, `event_free` (of
    both) and `std_err` of incidence, whose variance at t is the sum over times s up to t of

        (F(t) - F(s))^2 d / (n (n - d)) + S(s-)^2 (n - e) e / n^3 - 2 (F(t) - F(s)) S(s-) e / n^2

    with e events and d events of either kind of n at risk (Marubini and Valsecchi, Analysing survival data, 1995,
    10.2; what prodlim and, without weights, survfit of several states give). The squares are multiplied out, so
    that running sums suffice; the first term is 0 once nobody is left.
-#}
{% macro cumulative_incidence(counts, by) -%}
    {%- set key = by | join(', ') -%}
    {%- set so_far = 'over (partition by ' ~ key
        ~ ' order by time_value rows between unbounded preceding and current row)' -%}
    with factors as (
        select
            {{ key }},
            time_value,
            n_risk,
            n_event,
            n_competing,
            n_censor,
            cast(n_risk as double) as at_risk,
            cast(n_risk - n_event - n_competing as double) / n_risk as share_spared,
            (n_event + n_competing)
            / (cast(n_risk as double) * nullif(n_risk - n_event - n_competing, 0)) as either_added,
            sum(n_event) {{ so_far }} as events_so_far,
            sum(n_event + n_competing) {{ so_far }} as either_so_far
        from {{ counts }}
    ),

    survived as (
        select
            *,
            {{ running_product('share_spared', key, 'time_value') }} as rounded_event_free
        from factors
    ),

    -- between events the value of the last one is carried, so that a flat stretch is exactly flat
    carried as (
        select
            *,
            first_value(rounded_event_free) over (
                partition by {{ key }}, either_so_far
                order by time_value
                rows between unbounded preceding and current row
            ) as event_free
        from survived
    ),

    spared_before as (
        select
            *,
            lag(event_free, 1, cast(1 as double)) over (
                partition by {{ key }} order by time_value
            ) as free_before
        from carried
    ),

    incidences as (
        select
            *,
            sum(free_before * n_event / at_risk) {{ so_far }} as incidence,
            sum(free_before * n_competing / at_risk) {{ so_far }} as incidence_competing
        from spared_before
    ),

    terms as (
        select
            *,
            sum(coalesce(either_added, 0e0)) {{ so_far }} as a,
            sum(coalesce(either_added, 0e0) * incidence) {{ so_far }} as b,
            sum(coalesce(either_added, 0e0) * incidence * incidence) {{ so_far }} as c,
            sum(
                free_before * free_before * (at_risk - n_event) * n_event
                / (at_risk * at_risk * at_risk)
            ) {{ so_far }} as own,
            sum(free_before * n_event / (at_risk * at_risk)) {{ so_far }} as mixed,
            sum(free_before * n_event / (at_risk * at_risk) * incidence) {{ so_far }} as mixed_with
        from incidences
    )

    select
        {{ key }},
        time_value,
        n_risk,
        n_event,
        n_competing,
        n_censor,
        event_free,
        incidence,
        incidence_competing,
        -- rounding may leave a variance of nothing a little below it
        sqrt(greatest(
            incidence * (incidence * a - 2e0 * b) + c + own - 2e0 * (incidence * mixed - mixed_with),
            0e0
        )) as std_err
    from terms
{%- endmacro %}

{#-
    The steps with a pointwise interval on the scale of log(-log(F)), which stays within 0 and 1; none where the
    incidence is 0 or 1.
-#}
{% macro incidence_intervals(steps, by) -%}
    {%- set bound = 'power(incidence, exp({sign} z * std_err / nullif(incidence * ln(nullif(incidence, 0)), 0)))' -%}
    with level as (
        select {{ confidence_z() }} as z
    )

    select
        {{ by | join(', ') }},
        time_value,
        n_risk,
        n_event,
        n_competing,
        n_censor,
        event_free,
        incidence,
        incidence_competing,
        std_err,
        {{ bound.format(sign='-') }} as ci_lower,
        {{ bound.format(sign='') }} as ci_upper
    from {{ steps }}
    cross join level
{%- endmacro %}
