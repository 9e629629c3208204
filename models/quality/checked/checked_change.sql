{#-
Records that an earlier delivery had: one row per record lost or under another key now, and one per
site and form with the records in force, so that the lost ones have something to be a share of.
A loss stays until the record is there again, whatever was delivered since.
-#}
with

changes as (
    select *
    from {{ ref('delivery_changes') }}
    where rule_id in ('GN14', 'GN16')
),

record_sources as (select * from {{ ref('record_sources') }}),

sites as (select site_id from {{ ref('ref_sites') }}),

deliveries as (
    select
        source,
        count(distinct delivery_id) as n_deliveries
    from {{ ref('load_receipts') }}
    group by source
),

codes as (
    select
        source,
        list_name,
        source_value,
        code
    from {{ ref('ref_codelists') }}
    where list_name in ('modality', 'timepoint')
),

-- The key of a read holds two codes, which the loader compares as written.
keyed as (
    select
        changes.*,
        case
            when changes.form = 'read'
                then concat_ws(
                    '|',
                    split_part(changes.record_key, '|', 1),
                    split_part(changes.record_key, '|', 2),
                    coalesce(modality.code, split_part(changes.record_key, '|', 3)),
                    coalesce(timepoint.code, split_part(changes.record_key, '|', 4)),
                    split_part(changes.record_key, '|', 5),
                    split_part(changes.record_key, '|', 6)
                )
            else changes.record_key
        end as staged_key
    from changes
    left join codes as modality
        on
            changes.source = modality.source
            and modality.list_name = 'modality'
            and split_part(changes.record_key, '|', 3) = modality.source_value
    left join codes as timepoint
        on
            changes.source = timepoint.source
            and timepoint.list_name = 'timepoint'
            and split_part(changes.record_key, '|', 4) = timepoint.source_value
),

-- The last loss of a record is the one that counts.
last_losses as (
    select
        *,
        row_number() over (
            partition by form, record_key
            order by
                received_at desc,
                delivery_id desc,
                rule_id asc,
                previous_file asc,
                previous_line asc,
                new_record_key asc
        ) as loss_no
    from keyed
),

lost as (
    select
        'change' as kind,
        last_losses.rule_id,
        last_losses.source,
        split_part(last_losses.record_key, '|', 1) as patient_id,
        {{ lesion_of_key('last_losses.form', 'last_losses.record_key') }} as lesion_id,
        last_losses.form,
        last_losses.record_key,
        last_losses.new_record_key,
        last_losses.delivery_id,
        last_losses.previous_file,
        last_losses.previous_line,
        cast(1 as bigint) as n_records,
        record_sources.record_key is not null as is_back
    from last_losses
    left join record_sources
        on
            last_losses.form = record_sources.form
            and last_losses.staged_key = record_sources.record_key
    where last_losses.loss_no = 1
),

in_force as (
    select
        'total' as kind,
        cast(null as string) as rule_id,
        record_sources.source,
        split_part(record_sources.patient_id, '-', 1) as patient_id,
        cast(null as string) as lesion_id,
        record_sources.form,
        record_sources.form || ' of ' || coalesce(split_part(record_sources.patient_id, '-', 1), '')
            as record_key,
        cast(null as string) as new_record_key,
        cast(null as string) as delivery_id,
        cast(null as string) as previous_file,
        cast(null as bigint) as previous_line,
        count(*) as n_records,
        true as is_back
    from record_sources
    inner join deliveries
        on
            record_sources.source = deliveries.source
            and deliveries.n_deliveries > 1
    group by
        record_sources.source, record_sources.form, split_part(record_sources.patient_id, '-', 1)
),

everything as (
    select * from lost
    union all
    select * from in_force
)

select
    everything.source,
    coalesce(sites.site_id, 'ALL') as site_id,
    case everything.kind when 'change' then everything.patient_id end as patient_id,
    everything.lesion_id,
    everything.form,
    everything.record_key,
    coalesce(everything.delivery_id, '') as payload_hash,
    everything.previous_file as delivery_file,
    everything.previous_line as delivery_line,
    everything.kind,
    everything.rule_id,
    everything.new_record_key,
    everything.delivery_id,
    everything.n_records,
    everything.is_back
from everything
left join sites on split_part(everything.patient_id, '-', 1) = sites.site_id
