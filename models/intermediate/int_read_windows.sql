with

site_reads as (select * from {{ ref('int_reads') }}),

adjudicated_reads as (select * from {{ ref('int_adjudicated_reads') }}),

reads as (
    select
        lesion_id,
        patient_id,
        lesion_no,
        modality,
        timepoint,
        read_date,
        read_date_lower,
        read_date_upper,
        read_status,
        verdict,
        verdict_reason,
        size_mm,
        size_status,
        reader_id,
        reader_role,
        is_blinded,
        conditions_met,
        conditions_reason,
        contrast_given,
        slice_thickness_mm,
        record_key,
        cast(null as string) as adjudication_id
    from site_reads
    union all
    select
        lesion_id,
        patient_id,
        lesion_no,
        modality,
        timepoint,
        read_date,
        read_date_lower,
        read_date_upper,
        read_status,
        verdict,
        verdict_reason,
        size_mm,
        size_status,
        reader_id,
        reader_role,
        is_blinded,
        conditions_met,
        conditions_reason,
        contrast_given,
        slice_thickness_mm,
        record_key,
        adjudication_id
    from adjudicated_reads
),

patients as (select * from {{ ref('int_patient_windows') }}),

exam_kinds as (select * from {{ ref('int_exam_kinds') }}),

lesions as (
    select
        patients.patient_no,
        windows.lesion_no,
        windows.disposition_date
    from {{ ref('int_lesion_windows') }} as windows
    inner join patients on windows.patient_id = patients.patient_id
),

-- Why a read stands outside its window; null when it stands inside. One whose day is not known
-- stands inside where its date can mean a day of the window.
judged as (
    select
        reads.*,
        patients.patient_no,
        patients.site_id,
        exam_kinds.exam_no,
        case
            when lesions.lesion_no is null then 'unknown_lesion'
            when reads.read_status = 'not_done' then 'not_done'
            when reads.read_status = 'missing' then 'no_verdict'
            when reads.read_date is null then 'no_date'
            when
                reads.timepoint in ('baseline', 'preop') and reads.modality in ('CT', 'MRI')
                or reads.timepoint = 'intraop' and reads.modality in ('IOUS', 'CEIOUS')
                or reads.timepoint = 'followup' and reads.modality is not null
                then case reads.timepoint
                    when 'baseline' then case
                        when reads.read_date_lower > patients.chemo_start_date
                            then 'after_chemotherapy_start'
                    end
                    when 'preop' then case
                        when reads.read_date_lower > patients.first_surgery_date_upper
                            then 'after_first_stage'
                    end
                    when 'intraop' then case
                        when
                            lesions.disposition_date
                            between reads.read_date_lower and reads.read_date_upper
                            then null
                        else 'not_at_stage_of_disposition'
                    end
                    when 'followup' then case
                        when reads.read_date > patients.surgery_date then null
                        else 'not_after_surgery'
                    end
                end
            else 'modality_not_of_timepoint'
        end as outside_reason
    from reads
    left join patients on reads.patient_id = patients.patient_id
    left join lesions
        on
            patients.patient_no = lesions.patient_no
            and reads.lesion_no = lesions.lesion_no
    left join exam_kinds
        on
            reads.modality = exam_kinds.modality
            and reads.timepoint = exam_kinds.timepoint
)

select
    lesion_id,
    patient_id,
    lesion_no,
    modality,
    timepoint,
    read_date,
    read_date_lower,
    read_date_upper,
    read_status,
    verdict,
    verdict_reason,
    size_mm,
    size_status,
    reader_id,
    reader_role,
    is_blinded,
    conditions_met,
    conditions_reason,
    contrast_given,
    slice_thickness_mm,
    record_key,
    adjudication_id,

    ---------- window and rank
    outside_reason is null as is_in_window,
    outside_reason,
    {{ reader_rank('reader_role') }} as reader_rank,

    ---------- of the patient and the exam
    site_id,
    patient_no,
    exam_no
from judged
