-- Numbers and dates that are neither blank nor a declared missing code and have no value.
with

cells as (
    select *
    from {{ ref('cells_without_value') }}
    where column_type in ('integer', 'decimal', 'size', 'date') and not is_word_for_missing
),

slashed_dates as (
    select
        *,
        {{ by_source('slashed_date', 'clean') | indent(4) }} as slashed
    from cells
),

western_dates as (
    select
        *,
        {{ by_source('western_as_declared', 'slashed') | indent(4) }} as western
    from slashed_dates
),

iso_dates as (
    select
        *,
        {{ by_source('iso_as_declared', 'western') | indent(4) }} as iso
    from western_dates
)

select
    source,
    form,
    column_name,
    patient_id,
    record_key,
    raw_text,
    case
        when column_type = 'integer' then 'not_a_whole_number'
        when column_type in ('decimal', 'size') then 'not_a_number'
        when iso is null then 'not_in_declared_date_format'
        when {{ by_source('iso_within_declared_era', 'slashed') | indent(4) }} is null
            then 'not_in_its_era'
        else 'not_in_calendar'
    end as reason,
    delivery_file,
    delivery_line
from iso_dates
