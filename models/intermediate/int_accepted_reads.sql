with

reads_in_window as (
    select
        lesion_id,
        modality,
        timepoint,
        read_date,
        reader_rank,
        reader_id,
        verdict,
        verdict_reason,
        conditions_met
    from {{ ref('int_read_windows') }}
    where is_in_window
),

-- From all reads, in their window or not: to ask for the window twice would keep them in memory.
said as (
    {%- for reads in ['int_reads', 'int_adjudicated_reads'] %}
    select distinct
        {{ reader_rank('reader_role') }} as reader_rank,
        reader_id,
        verdict,
        verdict_reason,
        conditions_met
    from {{ ref(reads) }}
    where read_status = 'done'
    {%- if not loop.last %}
    union distinct
    {%- endif %}
    {%- endfor %}
),

-- Everything any reader ever said, numbered so that one number of an exam tells who stands and
-- what he said: the most senior reader; ties by reader id, one without an id last. What ends an id
-- sorts before all that may stand in one: R1 comes before R10.
sayings as (
    select
        *,
        row_number() over (
            order by
                reader_rank,
                coalesce('1' || reader_id || chr(1), '2'),
                verdict,
                coalesce(verdict_reason, ''),
                coalesce(cast(conditions_met as string), '')
        ) as seniority,
        dense_rank() over (order by verdict) as verdict_no
    from said
),

numbered_reads as (
    select
        reads_in_window.lesion_id,
        reads_in_window.modality,
        reads_in_window.timepoint,
        reads_in_window.read_date,
        sayings.seniority,
        sayings.verdict_no,
        case when sayings.conditions_met then 1 else 0 end as conditions_no
    from reads_in_window
    inner join sayings
        on
            reads_in_window.reader_rank = sayings.reader_rank
            and reads_in_window.reader_id is not distinct from sayings.reader_id
            and reads_in_window.verdict = sayings.verdict
            and reads_in_window.verdict_reason is not distinct from sayings.verdict_reason
            and reads_in_window.conditions_met is not distinct from sayings.conditions_met
),

latest_exams as (
    select
        lesion_id,
        modality,
        timepoint,
        max(read_date) as exam_date,
        count(*) as n_reads_in_window,
        {{ least_of_latest_day('read_date', 'seniority') }} as first_said,
        {{ least_of_latest_day('read_date', 'verdict_no') }} as least_verdict,
        {{ greatest_of_latest_day('read_date', 'verdict_no') }} as greatest_verdict,
        {{ least_of_latest_day('read_date', 'conditions_no') }} = 1 as all_conditions_met
    from numbered_reads
    group by lesion_id, modality, timepoint
),

-- Seniors overrule, so disagreement is left open only where all readers are local.
settled as (
    select
        latest_exams.*,
        sayings.reader_rank as best_rank,
        sayings.reader_id,
        sayings.verdict,
        sayings.verdict_reason,
        sayings.conditions_met,
        sayings.reader_rank = 3 and latest_exams.least_verdict <> latest_exams.greatest_verdict
            as readers_disagree
    from latest_exams
    inner join sayings on latest_exams.first_said = sayings.seniority
)

select
    lesion_id,
    modality,
    timepoint,
    exam_date,
    case when readers_disagree then 'not_evaluable' else verdict end as verdict,
    case when readers_disagree then 'readers_disagree' else verdict_reason end as verdict_reason,
    case
        when readers_disagree then all_conditions_met
        else conditions_met
    end as conditions_met,
    best_rank,
    case when not readers_disagree then reader_id end as reader_id,
    readers_disagree,
    cast(n_reads_in_window as bigint) as n_reads_in_window
from settled
