with

dispositions as (
    select *
    from {{ ref('int_dispositions') }}
    where is_counted_stage and lesion_id is not null
),

-- What was taken out stays out, so the first resection stands whatever a later stage says; else the
-- last stage that says anything, else the last one.
ranked as (
    select
        *,
        row_number() over (
            partition by lesion_id
            order by
                case when action = 'resected' then 1 when action is not null then 2 else 3 end,
                case when action = 'resected' then stage else -stage end,
                record_key
        ) as standing
    from dispositions
)

select
    lesion_id,
    patient_id,
    action as disposition,
    stage as disposition_stage,
    surgery_date as disposition_date,
    specimen_id
from ranked
where standing = 1
