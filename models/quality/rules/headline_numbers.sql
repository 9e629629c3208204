-- The numbers people quote, with a digest of the files they stand on, so that the next build can
-- tell a number that moved although no file did.
with

concordance as (
    select *
    from {{ ref('modality_concordance') }}
    where stratum = 'overall'
),

summaries as (
    select *
    from {{ ref('km_summary') }}
    where grouping = 'overall' and conf_type = 'log'
),

files as (select * from {{ ref('load_files') }}),

inputs as (
    select md5({{ sorted_texts("source || '/' || coalesce(form, '') || ' ' || sha256") }}) as digest
    from files
),

numbers as (
    select
        'npv ' || population as number_id,
        npv as number_value
    from concordance
    union all
    select
        'n_evaluable ' || population as number_id,
        cast(n_evaluable as double) as number_value
    from concordance
    union all
    select
        'median_days ' || paramcd as number_id,
        cast(median_days as double) as number_value
    from summaries
    union all
    select
        'events ' || paramcd as number_id,
        cast(events as double) as number_value
    from summaries
)

select
    cast(numbers.number_id as string) as number_id,
    cast(numbers.number_value as double) as number_value,
    cast(inputs.digest as string) as inputs_digest
from numbers
cross join inputs
where numbers.number_value is not null
