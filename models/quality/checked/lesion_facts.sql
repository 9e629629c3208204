-- What rules of one form need to know of a lesion from the others: the first record of its own,
-- what the trial's derivations say of it, and its specimens.
with

lesions as (
    {{ staged_records('lesion', [
        'source', 'patient_id', 'lesion_id', 'record_key', 'payload_hash', 'segment',
        'baseline_date', 'baseline_date_lower',
    ]) }}
),

derived as (select * from {{ ref('fct_lesion') }}),

operations as (select * from {{ ref('int_operations') }}),

surgeries as (
    {{ staged_records('surgery', [
        'patient_id', 'stage', 'performed', 'surgery_date', 'surgery_date_lower',
        'surgery_date_upper',
    ]) }}
),

dispositions as (
    {{ staged_records('disposition', ['patient_id', 'lesion_id', 'stage', 'action']) }}
),

visits as (
    {{ staged_records('followup', [
        'lesion_id', 'visit_date', 'visit_date_lower', 'visit_date_upper', 'later_treatment',
        'later_treatment_date', 'later_treatment_date_lower', 'later_treatment_date_upper',
    ]) }}
),

specimens as (
    {{ staged_records('pathology', [
        'lesion_id', 'pathology_date_upper', 'specimen_found', 'viable_cells',
    ]) }}
),

reads as (
    {{ staged_records('read', [
        'lesion_id', 'modality', 'timepoint', 'verdict', 'size_mm', 'size_status',
    ]) }}
),

contested as (
    select record_key
    from {{ ref('int_contested_records') }}
    where form = 'lesion'
),

-- Of conflicting records core keeps the one with the greatest hash; so does this.
conflicting as (
    select
        lesions.patient_id,
        lesions.lesion_id,
        lesions.segment,
        lesions.baseline_date,
        lesions.baseline_date_lower,
        row_number() over (
            partition by lesions.lesion_id
            order by lesions.payload_hash || lesions.source desc
        ) as standing
    from lesions
    inner join contested on lesions.record_key = contested.record_key
    where lesions.lesion_id is not null
),

of_lesions as (
    select
        lesions.patient_id,
        lesions.lesion_id,
        lesions.segment,
        lesions.baseline_date,
        lesions.baseline_date_lower
    from lesions
    left join contested on lesions.record_key = contested.record_key
    where lesions.lesion_id is not null and contested.record_key is null
    union all
    select
        patient_id,
        lesion_id,
        segment,
        baseline_date,
        baseline_date_lower
    from conflicting
    where standing = 1
),

of_dispositions as (
    select
        dispositions.lesion_id,
        count(dispositions.action) as n_actions,
        max(case when dispositions.action = 'resected' then 1 else 0 end) = 1 as was_resected,
        max(case when dispositions.action = 'ablated' then 1 else 0 end) = 1 as was_ablated,
        max(case when dispositions.action = 'left_in_place' then 1 else 0 end) = 1 as was_left,
        {%- for part in ['', '_lower', '_upper'] %}
        max(case when dispositions.action = 'resected' then surgeries.surgery_date{{ part }} end)
            as resection_date{{ part }}{{ ',' if not loop.last }}
        {%- endfor %}
    from dispositions
    left join surgeries
        on
            dispositions.patient_id = surgeries.patient_id
            and dispositions.stage = surgeries.stage
    where dispositions.lesion_id is not null
    group by dispositions.lesion_id
),

-- Core knows what was known at the cut-off; records are held to all that was delivered.
of_visits as (
    select
        lesion_id,
        {%- for part in ['', '_lower', '_upper'] %}
        min(coalesce(later_treatment_date{{ part }}, visit_date{{ part }}))
            as later_resection_date{{ part }}{{ ',' if not loop.last }}
        {%- endfor %}
    from visits
    where lesion_id is not null and later_treatment = 'resected'
    group by lesion_id
),

read_specimens as (
    select
        lesion_id,
        pathology_date_upper,
        {{ specimen_result() | indent(8) }} as specimen_result
    from specimens
),

of_specimens as (
    select
        lesion_id,
        count(*) as n_specimens,
        min(pathology_date_upper) as first_pathology_date_upper,
        max(case when specimen_result = 'viable_cells' then 1 else 0 end) = 1
            as has_viable_specimen,
        max(case when specimen_result = 'no_viable_cells' then 1 else 0 end) = 1
            as has_nonviable_specimen
    from read_specimens
    where lesion_id is not null
    group by lesion_id
),

measured_reads as (
    select
        lesion_id,
        modality,
        timepoint,
        case
            when size_mm > 0 and coalesce(size_status, 'measured') <> 'too_small' then size_mm
        end as size_mm,
        verdict in ('visible', 'not_visible', 'not_evaluable') as is_done
    from reads
    where lesion_id is not null and modality in ('CT', 'MRI')
),

of_reads as (
    select
        lesion_id,
        {%- for modality in ['CT', 'MRI'] %}
        {%- for timepoint in ['baseline', 'preop'] %}
        max(
            case when modality = '{{ modality }}' and timepoint = '{{ timepoint }}' then size_mm end
        ) as {{ modality | lower }}_size_at_{{ timepoint }}_mm,
        {%- endfor %}
        {%- endfor %}
        count(case when is_done and timepoint = 'baseline' then 1 end) as n_baseline_reads,
        count(case when is_done and timepoint = 'preop' then 1 end) as n_preop_reads
    from measured_reads
    group by lesion_id
),

-- Asked of staging again: what is named twice is kept meanwhile, and all reads are many.
local_cts as (
    select
        lesion_id,
        read_date,
        reader_id,
        verdict
    from (
        {{ staged_records('read', [
            'lesion_id', 'modality', 'timepoint', 'read_date', 'verdict', 'reader_id', 'reader_role',
        ]) | indent(4) }}
    ) as reads_again
    where
        lesion_id is not null
        and modality = 'CT'
        and timepoint = 'preop'
        and reader_role = 'local'
        and verdict in ('visible', 'not_visible', 'not_evaluable')
),

last_local_cts as (
    select
        lesion_id,
        max(read_date) as local_ct_date
    from local_cts
    group by lesion_id
),

-- What local readers of CT say, in the order of readers: the lowest number of an exam is that of
-- its first reader.
local_sayings as (
    select
        reader_id,
        verdict,
        row_number() over (order by reader_id nulls last, verdict) as place
    from local_cts
    group by reader_id, verdict
),

-- The site's own verdict is that of its first reader at the last exam.
first_said as (
    select
        local_cts.lesion_id,
        min(local_sayings.place) as place
    from local_cts
    inner join last_local_cts
        on
            local_cts.lesion_id = last_local_cts.lesion_id
            and local_cts.read_date = last_local_cts.local_ct_date
    inner join local_sayings
        on
            local_cts.reader_id is not distinct from local_sayings.reader_id
            and local_cts.verdict = local_sayings.verdict
    group by local_cts.lesion_id
),

site_verdicts as (
    select
        first_said.lesion_id,
        local_sayings.verdict
    from first_said
    inner join local_sayings on first_said.place = local_sayings.place
)

select
    of_lesions.patient_id,
    of_lesions.lesion_id,

    ---------- at baseline
    of_lesions.segment,
    of_lesions.baseline_date,
    of_lesions.baseline_date_lower,

    ---------- accepted reads
    coalesce(derived.is_operated, false) as is_operated,
    coalesce(derived.is_baseline_lesion, false) as is_baseline_lesion,
    coalesce(derived.is_dlm, false) as is_dlm,
    derived.ct_verdict,
    derived.mri_verdict,
    derived.ious_verdict,
    derived.ct_read_date,
    derived.mri_read_date,
    derived.ct_days_before_surgery,
    derived.mri_days_before_surgery,

    ---------- reads
    coalesce(of_reads.n_baseline_reads, 0) as n_baseline_reads,
    coalesce(of_reads.n_preop_reads, 0) as n_preop_reads,
    site_verdicts.verdict as local_ct_verdict,
    last_local_cts.local_ct_date,
    of_reads.ct_size_at_baseline_mm,
    of_reads.ct_size_at_preop_mm,
    of_reads.mri_size_at_baseline_mm,
    of_reads.mri_size_at_preop_mm,

    ---------- what surgery did
    coalesce(of_dispositions.n_actions, 0) as n_actions,
    coalesce(of_dispositions.was_resected, false) as was_resected,
    coalesce(of_dispositions.was_ablated, false) as was_ablated,
    coalesce(of_dispositions.was_left, false) as was_left,
    of_dispositions.resection_date,
    coalesce(of_dispositions.resection_date_lower, of_visits.later_resection_date_lower)
        as removal_date_lower,
    coalesce(of_dispositions.resection_date_upper, of_visits.later_resection_date_upper)
        as removal_date_upper,
    derived.disposition,
    operations.surgery_date as day_zero,
    operations.surgery_date_lower as day_zero_lower,
    coalesce(derived.was_resected_later, false) or of_visits.lesion_id is not null
        as was_resected_later,
    coalesce(derived.later_resection_date, of_visits.later_resection_date) as later_resection_date,

    ---------- specimens
    coalesce(of_specimens.n_specimens, 0) as n_specimens,
    of_specimens.first_pathology_date_upper,
    coalesce(of_specimens.has_viable_specimen, false) as has_viable_specimen,
    coalesce(of_specimens.has_nonviable_specimen, false) as has_nonviable_specimen
from of_lesions
left join derived on of_lesions.lesion_id = derived.lesion_id
left join operations on derived.patient_id = operations.patient_id
left join of_dispositions on of_lesions.lesion_id = of_dispositions.lesion_id
left join of_visits on of_lesions.lesion_id = of_visits.lesion_id
left join of_specimens on of_lesions.lesion_id = of_specimens.lesion_id
left join of_reads on of_lesions.lesion_id = of_reads.lesion_id
left join last_local_cts on of_lesions.lesion_id = last_local_cts.lesion_id
left join site_verdicts on of_lesions.lesion_id = site_verdicts.lesion_id
