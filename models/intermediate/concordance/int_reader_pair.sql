-- One row per exam of one lesion (modality, timepoint, date) that a local or a central reader
-- has read: the two verdicts side by side. Of several readers of one role the first by reader id
-- stands, as among accepted reads.
with

reads as (
    select *
    from {{ ref('fct_read') }}
    where is_in_window and reader_role in ('local', 'central')
),

ranked_reads as (
    select
        *,
        row_number() over (
            partition by lesion_id, modality, timepoint, read_date, reader_role
            order by reader nulls last, read_key
        ) as reader_rank
    from reads
)

select
    lesion_id,
    patient_id,
    site_id,
    modality,
    timepoint,
    read_date,
    max(case when reader_role = 'local' then verdict end) as local_verdict,
    max(case when reader_role = 'central' then verdict end) as central_verdict
from ranked_reads
where reader_rank = 1
group by lesion_id, patient_id, site_id, modality, timepoint, read_date
