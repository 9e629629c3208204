-- Cells that say why there is no value, in the source's word for missing.
with

words as (
    select
        *,
        upper(clean) as word
    from {{ ref('cells_without_value') }}
    where is_word_for_missing
)

select
    source,
    form,
    column_name,
    patient_id,
    record_key,
    raw_text,
    {{ missing_reason('word') | indent(4) }} as missing_reason,
    delivery_file,
    delivery_line
from words
