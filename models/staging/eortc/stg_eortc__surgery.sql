with

source as {{ read_anew() }}(
    select *
    from {{ ref('eortc__surgery') }}
),

renamed as (
    select
        PATID as patient_id_text,
        STAGE as stage_text,
        NSTAGES as planned_stages_text,
        DONE as performed_text,
        DTSURG as surgery_date_text,
        PROCED as procedure_text,
        SEGREM as segments_removed_text,
        RSTATUS as r_status_text,
        DURATION as duration_min_text,
        BLOODLS as blood_loss_ml_text,
        {{ provenance() }}
    from source
),

{{ typed('eortc', 'surgery') }}

select *
from staged
