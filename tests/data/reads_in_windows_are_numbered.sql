-- A read in its window has the numbers that accepted reads are found by: without one it would count
-- for nothing in silence.
select
    lesion_id,
    modality,
    timepoint,
    read_date
from {{ ref('int_read_windows') }}
where is_in_window and (patient_no is null or exam_no is null)
