-- Every row of the REDCap export belongs to exactly one instrument that staging reads.
with

counted as (
    select
        *,
        {%- for instrument, event, repeating in [
            ('registration', 'baseline_arm_1', false), ('lesion', 'baseline_arm_1', true),
            ('imaging_read', 'imaging_arm_1', true), ('surgery', 'surgery_arm_1', true),
            ('disposition', 'surgery_arm_1', true), ('pathology', 'surgery_arm_1', true),
            ('followup', 'followup_arm_1', true), ('outcome', 'end_arm_1', false),
        ] %}
        case when {{ redcap_rows(instrument, event, repeating) }} then 1 else 0 end
        {{- ' +' if not loop.last }}
        {%- endfor %} as n_instruments
    from {{ ref('us__redcap') }}
)

select
    record_id,
    redcap_event_name,
    redcap_repeat_instrument,
    n_instruments
from counted
where n_instruments <> 1
