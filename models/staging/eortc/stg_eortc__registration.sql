with

source as {{ read_anew() }}(
    select *
    from {{ ref('eortc__registration') }}
),

renamed as (
    select
        PATID as patient_id_text,
        INSTIT as site_id_text,
        SEX as sex_text,
        AGE as age_text,
        DTCONS as consent_date_text,
        DTREG as registration_date_text,
        ELIG as eligible_text,
        DTWITH as withdrawal_date_text,
        PRIMSITE as primary_site_text,
        DTPRIM as primary_dx_date_text,
        DTLIVMET as liver_mets_dx_date_text,
        RAS as ras_status_text,
        SYNCHR as synchronous_text,
        NLES as n_lesions_declared_text,
        CEA as cea_text,
        CEAUNIT as cea_unit_text,
        DTCHST as chemo_start_date_text,
        DTCHEND as chemo_end_date_text,
        NCYCLES as chemo_cycles_text,
        RESECT as resectability_text,
        {{ provenance() }}
    from source
),

{{ typed('eortc', 'registration') }}

select *
from staged
