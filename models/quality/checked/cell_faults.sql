-- Cells that could not be read, gathered by record: of records that share a key each has its own.
with

unreadable_values as (select * from {{ ref('unreadable_values') }}),

unmapped_cells as (select * from {{ ref('unmapped_cells') }}),

cells as (
    select
        source,
        form,
        record_key,
        delivery_file,
        delivery_line,
        column_name || '=' || raw_text as cell,
        case
            when reason in ('not_a_number', 'not_a_whole_number') then 'number'
            -- a spreadsheet's day number, a stand-in for "never", or a day outside its era
            when reason = 'not_in_its_era' then 'impossible_date'
            when {{ matches('trim(raw_text)', '^[0-9]{5}([.]0+)?$') }} then 'impossible_date'
            when {{ matches('raw_text', '9999') }} then 'impossible_date'
            else 'date'
        end as fault
    from unreadable_values
    union all
    select
        source,
        form,
        record_key,
        delivery_file,
        delivery_line,
        column_name || '=' || raw_text as cell,
        'code' as fault
    from unmapped_cells
)

select
    source,
    form,
    record_key,
    delivery_file,
    delivery_line,
    {%- for fault, column in [
        ('date', 'misformatted_dates'),
        ('impossible_date', 'impossible_dates'),
        ('number', 'misformatted_numbers'),
        ('code', 'unmapped_codes'),
    ] %}
    {{ sorted_texts("case when fault = '" ~ fault ~ "' then cell end") }}
        as {{ column }}{{ ',' if not loop.last }}
    {%- endfor %}
from cells
group by source, form, record_key, delivery_file, delivery_line
