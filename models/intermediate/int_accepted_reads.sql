with

reads_in_window as (
    select
        patient_no,
        lesion_no,
        exam_no,
        read_date,
        reader_rank,
        reader_id,
        verdict,
        verdict_reason,
        conditions_met
    from {{ ref('int_read_windows') }}
    where is_in_window
),

-- Asked of staging, of all reads: to ask for the window twice would take as long as to find it.
said as (
    {%- for source in source_names() %}
    select
        {{ reader_rank('reader_role') }} as reader_rank,
        reader_id,
        verdict,
        not_evaluable_reason as verdict_reason,
        {{ is_yes('conditions_met') }} as conditions_met
    from {{ staged_model(source, 'read') }}
    where verdict <> 'not_done'
    union all
    {%- endfor %}
    select
        {{ reader_rank('reader_role') }} as reader_rank,
        reader_id,
        verdict,
        verdict_reason,
        conditions_met
    from {{ ref('int_adjudicated_reads') }}
),

distinct_said as (select distinct * from said),

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
    from distinct_said
),

numbered_reads as (
    select
        reads_in_window.patient_no,
        reads_in_window.lesion_no,
        reads_in_window.exam_no,
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
        patient_no,
        lesion_no,
        exam_no,
        max(read_date) as exam_date,
        count(*) as n_reads_in_window,
        {{ least_of_latest_day('read_date', 'seniority') }} as first_said,
        {{ least_of_latest_day('read_date', 'verdict_no') }} as least_verdict,
        {{ greatest_of_latest_day('read_date', 'verdict_no') }} as greatest_verdict,
        {{ least_of_latest_day('read_date', 'conditions_no') }} = 1 as all_conditions_met
    from numbered_reads
    group by patient_no, lesion_no, exam_no
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
    {{ lesion_id('patients.patient_id', 'settled.lesion_no') }} as lesion_id,
    patients.patient_id,
    settled.lesion_no,
    exam_kinds.modality,
    exam_kinds.timepoint,
    settled.exam_date,
    case when settled.readers_disagree then 'not_evaluable' else settled.verdict end as verdict,
    case
        when settled.readers_disagree then 'readers_disagree'
        else settled.verdict_reason
    end as verdict_reason,
    case
        when settled.readers_disagree then settled.all_conditions_met
        else settled.conditions_met
    end as conditions_met,
    settled.best_rank,
    case when not settled.readers_disagree then settled.reader_id end as reader_id,
    settled.readers_disagree,
    cast(settled.n_reads_in_window as bigint) as n_reads_in_window
from settled
inner join {{ ref('int_patient_windows') }} as patients on settled.patient_no = patients.patient_no
inner join {{ ref('int_exam_kinds') }} as exam_kinds on settled.exam_no = exam_kinds.exam_no
