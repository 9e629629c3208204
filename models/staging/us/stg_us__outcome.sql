with

source as {{ read_anew() }}(
    select *
    from {{ ref('us__redcap') }}
    where {{ redcap_rows('outcome', 'end_arm_1', false) }}
),

renamed as (
    select
        record_id as patient_id_text,
        out_last_contact_date as last_contact_date_text,
        out_vital_status as vital_status_text,
        out_death_date as death_date_text,
        out_death_cause as death_cause_text,
        {{ provenance() }}
    from source
),

{{ typed('us', 'outcome') }}

select *
from staged
