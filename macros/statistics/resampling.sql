{#-
    Seeded resampling in SQL: numbers that look random and are the same in every build and on every engine, since
    they are digests of what they are drawn for.
-#}

{#-
    Percentile bootstrap over clusters, one query, from one row per share and cluster with `m` trials and `x`
    successes (see clustered_shares): quantiles (type 7) of sum x / sum m over samples of as many clusters, drawn
    with replacement. One row per share with 2 to `most_clusters` clusters that have a trial: by, n_replicates,
    lower_bound, upper_bound. One number per replicate and draw serves every share. `replicates`, `seed` and
    `most_clusters` are numbers.
-#}
{% macro bootstrap_shares(clusters, by, replicates, seed, most_clusters) -%}
    {%- set key = by | join(', ') -%}
    {%- set tail = (1 - var('confidence_level')) / 2 -%}
    with placed as (
        select
            {{ key }},
            m,
            x,
            row_number() over (partition by {{ key }} order by cluster_id) as place
        from {{ clusters }}
        where m > 0
    ),

    sizes as (
        select
            {{ key }},
            count(*) as n_clusters
        from placed
        group by {{ key }}
        having count(*) between 2 and {{ most_clusters }}
    ),

    places as (
        select distinct place as draw_place
        from placed
        where place <= {{ most_clusters }}
    ),

    draws as (
        select
            replicates.replicate,
            places.draw_place,
            {{ uniform_draw(
                "'" ~ seed ~ "|' || cast(replicates.replicate as string) || '|'"
                ~ " || cast(places.draw_place as string)"
            ) }} as draw
        from {{ whole_numbers(replicates, 'replicate') }} as replicates
        cross join places
    ),

    drawn as (
        select
            {% for column in by %}sizes.{{ column }}, {% endfor %}
            draws.replicate,
            cast(floor(draws.draw * sizes.n_clusters) as bigint) + 1 as place
        from sizes
        inner join draws
            on sizes.n_clusters >= draws.draw_place
    ),

    replicate_shares as (
        select
            {% for column in by %}drawn.{{ column }}, {% endfor %}
            drawn.replicate,
            {{ proportion('sum(placed.x)', 'sum(placed.m)') }} as share
        from drawn
        inner join placed
            on
                drawn.place = placed.place
                {% for column in by %}and drawn.{{ column }} = placed.{{ column }} {% endfor %}
        group by {% for column in by %}drawn.{{ column }}, {% endfor %}drawn.replicate
    )

    select
        {{ key }},
        cast(count(*) as bigint) as n_replicates,
        {{ quantile_type7('share', tail) }} as lower_bound,
        {{ quantile_type7('share', 1 - tail) }} as upper_bound
    from replicate_shares
    group by {{ key }}
{%- endmacro %}

{#- A number of [0, 1) from a text, with 32 bits: the first eight hexadecimal digits of its MD5. -#}
{% macro uniform_draw(text) -%}
    {{ adapter.dispatch('uniform_draw', 'dlm')(text) }}
{%- endmacro %}

{% macro duckdb__uniform_draw(text) -%}
    (cast('0x' || substr(md5({{ text }}), 1, 8) as bigint) / 4294967296e0)
{%- endmacro %}

{% macro spark__uniform_draw(text) -%}
    (cast(conv(substr(md5({{ text }}), 1, 8), 16, 10) as bigint) / 4294967296e0)
{%- endmacro %}

{#- Relation of the integers from 1 to `count` (a number), in one column. -#}
{% macro whole_numbers(count, name) -%}
    {{ adapter.dispatch('whole_numbers', 'dlm')(count, name) }}
{%- endmacro %}

{% macro duckdb__whole_numbers(count, name) -%}
    (select unnest(range(1, {{ count }} + 1)) as {{ name }})
{%- endmacro %}

{% macro spark__whole_numbers(count, name) -%}
    (select explode(sequence(cast(1 as bigint), cast({{ count }} as bigint))) as {{ name }})
{%- endmacro %}
