{#-
One row per exam of one lesion (modality, timepoint, date) that a local or a central reader has
read: the two verdicts side by side. Of several readers of one role the first by reader id stands,
as among accepted reads.
-#}
{%- set is_asked %}
        is_in_window
        and reader_role in ('local', 'central')
        and {{ in_slice('patient_id') }}
{%- endset -%}
with

reads as (
    select
        lesion_id,
        patient_id,
        site_id,
        modality,
        timepoint,
        read_date,
        reader_role,
        reader,
        verdict
    from {{ ref('fct_read') }}
    where {{ is_asked }}
),

-- Asked again: what is named twice is kept meanwhile, and all reads are many.
said as (
    select distinct
        reader_role,
        reader,
        verdict
    from {{ ref('fct_read') }}
    where {{ is_asked }}
),

-- Numbered, so that one minimum of an exam finds who stands and what he said.
sayings as (
    select
        *,
        row_number() over (order by reader_role, reader nulls last, verdict) as place
    from said
),

exams as (
    select
        reads.lesion_id,
        reads.patient_id,
        reads.site_id,
        reads.modality,
        reads.timepoint,
        reads.read_date,
        {%- for role in ['local', 'central'] %}
        min(case when reads.reader_role = '{{ role }}' then sayings.place end) as {{ role }}_said
        {{- ',' if not loop.last }}
        {%- endfor %}
    from reads
    inner join sayings
        on
            reads.reader_role = sayings.reader_role
            and reads.reader is not distinct from sayings.reader
            and reads.verdict = sayings.verdict
    group by
        reads.lesion_id,
        reads.patient_id,
        reads.site_id,
        reads.modality,
        reads.timepoint,
        reads.read_date
)

select
    exams.lesion_id,
    exams.patient_id,
    exams.site_id,
    exams.modality,
    exams.timepoint,
    exams.read_date,
    local_sayings.verdict as local_verdict,
    central_sayings.verdict as central_verdict
from exams
left join sayings as local_sayings on exams.local_said = local_sayings.place
left join sayings as central_sayings on exams.central_said = central_sayings.place
