-- Coded cells that are neither blank, nor a declared missing code, nor in the code list.
select
    source,
    form,
    column_name,
    list_name,
    record_key,
    raw_text,
    clean as source_value,
    delivery_file,
    delivery_line
from {{ ref('cells_without_value') }}
where column_type = 'code' and not is_word_for_missing
