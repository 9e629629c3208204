with

{{ checked_records('lesion') }}

select
    {{ record_columns('lesion') }},
    records.received_date,

    ---------- as told
    {{ form_values('lesion') }}

    ---------- how it was written
    records.n_unreadable,
    records.is_contested,
    records.lacks_patient,
    records.lacks_lesion,
    records.drifted_keys,
    records.formula_texts,
    records.misformatted_dates,
    records.impossible_dates,
    records.misformatted_numbers,
    records.unmapped_codes
from records
