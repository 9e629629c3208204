with

reads_in_window as (
    select *
    from {{ ref('int_read_windows') }}
    where is_in_window
),

latest_exams as (
    select
        lesion_id,
        modality,
        timepoint,
        max(read_date) as exam_date
    from reads_in_window
    group by lesion_id, modality, timepoint
),

exam_reads as (
    select reads_in_window.*
    from latest_exams
    inner join reads_in_window
        on
            latest_exams.lesion_id = reads_in_window.lesion_id
            and latest_exams.modality = reads_in_window.modality
            and latest_exams.timepoint = reads_in_window.timepoint
            and latest_exams.exam_date = reads_in_window.read_date
),

-- The most senior reader stands; ties by reader id, then by key so that the order is total. What
-- ends an id sorts before all that may stand in one: R1 comes before R10.
exams as (
    select
        lesion_id,
        modality,
        timepoint,
        read_date as exam_date,
        min(reader_rank) as best_rank,
        min_by(
            read_key,
            cast(reader_rank as string)
            || coalesce('1' || reader_id, '2')
            || chr(1)
            || read_key
        ) as first_read_key,
        count(distinct verdict) as n_verdicts,
        count(*) as n_reads,
        min(case when conditions_met then 1 else 0 end) = 1 as all_conditions_met
    from exam_reads
    group by lesion_id, modality, timepoint, read_date
),

-- Seniors overrule, so disagreement is left open only where all readers are local.
settled as (
    select
        *,
        best_rank = 3 and n_verdicts > 1 as readers_disagree
    from exams
)

select
    settled.lesion_id,
    settled.modality,
    settled.timepoint,
    settled.exam_date,
    case when settled.readers_disagree then 'not_evaluable' else accepted.verdict end as verdict,
    case
        when settled.readers_disagree then 'readers_disagree'
        else accepted.verdict_reason
    end as verdict_reason,
    case
        when settled.readers_disagree then settled.all_conditions_met
        else accepted.conditions_met
    end as conditions_met,
    case when not settled.readers_disagree then settled.first_read_key end as accepted_read_key,
    settled.best_rank,
    settled.readers_disagree,
    settled.n_reads
from settled
inner join exam_reads as accepted on settled.first_read_key = accepted.read_key
