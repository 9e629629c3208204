-- The numbers people quote, with a digest of all they stand on but the code: files, cut-off,
-- adjudications and records left out. So the next build can tell a number that moved without cause.
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

adjudications as (select * from {{ ref('load_adjudications') }}),

exclusions as (select * from {{ ref('load_s1_exclusions') }}),

things as (
    select 'file ' || source || '/' || coalesce(form, '') || ' ' || sha256 as thing
    from files
    union all
    select 'adjudication ' || adjudication_id || ' ' || coalesce(verdict, '') as thing
    from adjudications
    union all
    select 'left out ' || form || ' ' || record_key as thing
    from exclusions
    union all
    select 'cutoff ' || {{ sql_literal(var('cutoff') or '') }} as thing
),

inputs as (
    select md5({{ sorted_texts('thing') }}) as digest
    from things
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
