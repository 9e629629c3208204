with

{{ united('read') }}

within_cutoff as (
    select *
    from kept
    where {{ within_cutoff('read_date') }}
)

select
    lesion_id,
    patient_id,
    lesion_no,

    ---------- exam
    modality,
    timepoint,
    read_date,
    read_date_lower,
    read_date_upper,

    ---------- verdict
    case
        when verdict = 'not_done' then 'not_done'
        when verdict is null then 'missing'
        else 'done'
    end as read_status,
    nullif(verdict, 'not_done') as verdict,
    not_evaluable_reason as verdict_reason,
    size_mm,
    size_status,

    ---------- reader
    reader_id,
    reader_role,
    {{ is_yes('blinded') }} as is_blinded,

    ---------- acquisition
    {{ is_yes('conditions_met') }} as conditions_met,
    conditions_reason,
    {{ is_yes('contrast') }} as contrast_given,
    slice_thickness_mm,

    ---------- record
    record_key
from within_cutoff
