-- One row per population, stratum and stratum value with at least two patients and not too many:
-- quantiles of the share nonviable over samples of as many patients, drawn with replacement.
{%- set tail = (1 - var('confidence_level')) / 2 %}
with

patients as (
    select *
    from {{ ref('int_concordance_patient') }}
    where n_evaluable > 0
),

ranked_patients as (
    select
        population,
        stratum,
        stratum_value,
        n_evaluable,
        n_nonviable,
        row_number() over (
            partition by population, stratum, stratum_value
            order by patient_id
        ) as place
    from patients
),

sizes as (
    select
        population,
        stratum,
        stratum_value,
        count(*) as n_patients
    from ranked_patients
    group by population, stratum, stratum_value
    having count(*) between 2 and {{ var('bootstrap_most_patients') }}
),

places as (
    select distinct place
    from ranked_patients
    where place <= {{ var('bootstrap_most_patients') }}
),

-- One number per replicate and draw serves every stratum.
draws as (
    select
        replicates.replicate,
        places.place,
        {{ uniform_draw(
            "'" ~ var('bootstrap_seed') ~ "|' || cast(replicates.replicate as string) || '|'"
            ~ " || cast(places.place as string)"
        ) }} as draw
    from {{ whole_numbers(var('bootstrap_replicates'), 'replicate') }} as replicates
    cross join places
),

drawn as (
    select
        sizes.population,
        sizes.stratum,
        sizes.stratum_value,
        draws.replicate,
        cast(floor(draws.draw * sizes.n_patients) as bigint) + 1 as place
    from sizes
    inner join draws
        on sizes.n_patients >= draws.place
),

replicate_shares as (
    select
        drawn.population,
        drawn.stratum,
        drawn.stratum_value,
        drawn.replicate,
        {{ proportion('sum(ranked_patients.n_nonviable)', 'sum(ranked_patients.n_evaluable)') }}
            as share
    from drawn
    inner join ranked_patients
        on
            drawn.population = ranked_patients.population
            and drawn.stratum = ranked_patients.stratum
            and drawn.stratum_value = ranked_patients.stratum_value
            and drawn.place = ranked_patients.place
    group by drawn.population, drawn.stratum, drawn.stratum_value, drawn.replicate
)

select
    population,
    stratum,
    stratum_value,
    cast(count(*) as bigint) as n_replicates,
    {{ quantile_type7('share', tail) }} as lower_bound,
    {{ quantile_type7('share', 1 - tail) }} as upper_bound
from replicate_shares
group by population, stratum, stratum_value
