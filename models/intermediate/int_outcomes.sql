with

{{ united('outcome') }}

known as (
    select *
    from kept
    where patient_id is not null
)

select
    patient_id,

    ---------- death: its date makes it one, whatever the status says; so does the status alone,
    ---------- on a day unknown, unless the patient was seen after the cut-off
    death_date is not null as is_death_dated,
    coalesce(vital_status = 'dead', false)
    and death_date is null
    and {{ within_cutoff('last_contact_date') }} as is_undated_death,
    {{ until_cutoff('death_date') }} as death_date,
    death_date_lower,
    death_date_upper,
    death_date_precision,
    case when {{ within_cutoff('death_date') }} then death_cause end as death_cause,

    ---------- last contact; who was seen after the cut-off was alive on its day
    {%- for part in ['', '_lower', '_upper'] %}
    {{ capped_at_cutoff('last_contact_date' ~ part, 'last_contact_date') }}
        as last_contact_date{{ part }},
    {%- endfor %}
    {{ capped_at_cutoff('last_contact_date_precision', 'last_contact_date', "'day'") }}
        as last_contact_date_precision,

    ---------- record
    record_key,
    payload_hash
from known
