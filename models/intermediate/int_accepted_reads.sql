with

reads_in_window as (
    select *
    from {{ ref('int_read_windows') }}
    where is_in_window
),

-- The most senior reader stands; ties by reader id, then by key so that the order is total. What
-- ends an id sorts before all that may stand in one: R1 comes before R10. What the reader said
-- stands behind the key, so that one minimum finds both.
ordered_reads as (
    select
        lesion_id,
        modality,
        timepoint,
        read_date,
        reader_rank,
        verdict,
        conditions_met,
        concat_ws(
            chr(1),
            cast(reader_rank as string) || coalesce('1' || reader_id, '2'),
            read_key,
            coalesce(verdict, ''),
            coalesce(verdict_reason, ''),
            coalesce(cast(conditions_met as string), '')
        ) as said_by_seniority
    from reads_in_window
),

exams as (
    select
        lesion_id,
        modality,
        timepoint,
        read_date as exam_date,
        min(reader_rank) as best_rank,
        min(said_by_seniority) as first_said,
        min(verdict) <> max(verdict) as verdicts_differ,
        count(*) as n_reads,
        min(case when conditions_met then 1 else 0 end) = 1 as all_conditions_met
    from ordered_reads
    group by lesion_id, modality, timepoint, read_date
),

latest_exams as (
    select
        lesion_id,
        modality,
        timepoint,
        max(exam_date) as exam_date
    from exams
    group by lesion_id, modality, timepoint
),

-- Seniors overrule, so disagreement is left open only where all readers are local.
settled as (
    select
        exams.*,
        {%- for part in ['read_key', 'verdict', 'verdict_reason', 'conditions_met'] %}
        split_part(exams.first_said, chr(1), {{ loop.index + 1 }}) as first_{{ part }},
        {%- endfor %}
        exams.best_rank = 3 and coalesce(exams.verdicts_differ, false) as readers_disagree
    from latest_exams
    inner join exams
        on
            latest_exams.lesion_id = exams.lesion_id
            and latest_exams.modality = exams.modality
            and latest_exams.timepoint = exams.timepoint
            and latest_exams.exam_date = exams.exam_date
)

select
    lesion_id,
    modality,
    timepoint,
    exam_date,
    case when readers_disagree then 'not_evaluable' else nullif(first_verdict, '') end as verdict,
    case
        when readers_disagree then 'readers_disagree'
        else nullif(first_verdict_reason, '')
    end as verdict_reason,
    case
        when readers_disagree then all_conditions_met
        else cast(nullif(first_conditions_met, '') as boolean)
    end as conditions_met,
    case when not readers_disagree then first_read_key end as accepted_read_key,
    best_rank,
    readers_disagree,
    n_reads
from settled
