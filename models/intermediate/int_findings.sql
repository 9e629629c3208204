with

{{ united('followup') }}

-- A visit after the cut-off may tell what happened before it: the record stays for that.
within_cutoff as (
    select
        *,
        coalesce(recurrence = 'yes', false) as says_recurrence
    from kept
    where
        {{ within_cutoff('visit_date') }}
        {%- if cutoff_date() %}
        {%- for column in ['imaging_date', 'recurrence_date', 'later_treatment_date'] %}
        or {{ column }} <= {{ cutoff_date() }}
        {%- endfor %}
        {%- endif %}
),

-- A recurrence is dated by its own date, else by the imaging, else by the visit that tells it.
dated as (
    select
        *,
        case
            when not says_recurrence then null
            when recurrence_date is not null then 'recurrence_date'
            when imaging_date is not null then 'imaging_date'
            when visit_date is not null then 'visit_date'
        end as recurrence_dated_by,
        later_treatment in ('resected', 'ablated') as says_later_treatment
    from within_cutoff
),

chosen as (
    select
        *,
        case recurrence_dated_by
            {%- for column in ['recurrence_date', 'imaging_date', 'visit_date'] %}
            when '{{ column }}' then {{ column }}
            {%- endfor %}
        end as event_date,
        {%- for part in ['lower', 'upper', 'precision'] %}
        case recurrence_dated_by
            {%- for column in ['recurrence_date', 'imaging_date', 'visit_date'] %}
            when '{{ column }}' then {{ column }}_{{ part }}
            {%- endfor %}
        end as event_date_{{ part }},
        {%- endfor %}
        coalesce(later_treatment_date, visit_date) as treated_date,
        coalesce(later_treatment_date_lower, visit_date_lower) as treated_date_lower
    from dated
)

select
    {{ key_of(['patient_id']) }} as patient_key,
    patient_id,
    visit_no,
    lesion_id,
    lesion_no,

    ---------- visit
    {%- for part in ['', '_lower', '_upper', '_precision'] %}
    case when {{ within_cutoff('visit_date') }} then visit_date{{ part }} end
        as visit_date{{ part }},
    {%- endfor %}
    case when {{ within_cutoff('visit_date') }} then vital_status end as vital_status,

    ---------- imaging of the liver
    {{ until_cutoff('imaging_date') }} as imaging_date,
    imaging_date_lower,
    imaging_date_upper,
    imaging_date_precision,

    ---------- recurrence
    says_recurrence and {{ within_cutoff('event_date') }} as is_recurrence,
    -- A lesion is named where the recurrence is in place; a blank place beside one says no other.
    says_recurrence and {{ within_cutoff('event_date') }}
    and lesion_id is not null
    and coalesce(recurrence_place, 'at_spot') = 'at_spot' as is_regrowth,
    coalesce(
        says_recurrence and {{ within_cutoff('event_date') }}
        and lesion_id is null
        and recurrence_place = 'at_spot',
        false
    ) as is_regrowth_unnamed,
    recurrence_place,
    {{ until_cutoff('event_date') }} as recurrence_date,
    event_date_lower as recurrence_date_lower,
    event_date_upper as recurrence_date_upper,
    event_date_precision as recurrence_date_precision,
    recurrence_dated_by,

    ---------- later treatment of a left lesion
    case
        when says_later_treatment and {{ within_cutoff('treated_date') }} then later_treatment
    end as later_treatment,
    case
        when says_later_treatment and {{ within_cutoff('treated_date') }} then treated_date
    end as later_treatment_date,
    case
        when says_later_treatment and {{ within_cutoff('treated_date') }} then treated_date_lower
    end as later_treatment_date_lower,

    ---------- record
    record_key,
    payload_hash
from chosen
