-- One row per modality and timepoint of the code lists, with a number to join and group reads by.
with

modalities as (
    select distinct code as modality
    from {{ ref('ref_codelists') }}
    where list_name = 'modality'
),

timepoints as (
    select distinct code as timepoint
    from {{ ref('ref_codelists') }}
    where list_name = 'timepoint'
)

select
    row_number() over (order by timepoints.timepoint, modalities.modality) as exam_no,
    modalities.modality,
    timepoints.timepoint
from modalities
cross join timepoints
