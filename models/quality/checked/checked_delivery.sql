{#-
One row per file in force, and one per thing the strict loader had to say of it: a record set
aside, a warning, a change against the file it took the place of. A file that holds several sites
is answered for by no one site.
-#}
with

row_accounting as (select * from {{ ref('row_accounting') }}),

files as (select * from {{ ref('load_files') }}),

receipts as (select * from {{ ref('load_receipts') }}),

quarantine as (select * from {{ ref('load_quarantine') }}),

warnings as (select * from {{ ref('load_warnings') }}),

changes as (select * from {{ ref('delivery_changes') }}),

record_sources as (select * from {{ ref('record_sources') }}),

sites as (select site_id from {{ ref('ref_sites') }}),

-- Only a file of a single site can hold another's patients.
foreign_records as (
    select
        record_sources.source,
        record_sources.delivery_file as file,
        count(*) as n_foreign_records
    from record_sources
    inner join files
        on
            record_sources.source = files.source
            and record_sources.delivery_file = files.file
    where
        files.site_id is not null
        and split_part(record_sources.patient_id, '-', 1) <> files.site_id
    group by record_sources.source, record_sources.delivery_file
),

-- The same records received under another name, of whatever site, source or form. Files that hold
-- nothing but a header are all alike and no copies.
same_content as (
    select
        files.source,
        files.file,
        {{ sorted_texts('receipts.file') }} as other_names
    from files
    inner join receipts on files.sha256 = receipts.sha256
    where receipts.file <> files.file and files.records_in > 0
    group by files.source, files.file
),

-- What the other files of the same source and site hold.
siblings as (
    select
        files.source,
        files.file,
        sum(neighbours.records_in) as n_sibling_records
    from row_accounting as files
    inner join row_accounting as neighbours
        on
            files.source = neighbours.source
            and files.file <> neighbours.file
            and coalesce(files.site_id, neighbours.site_id, '')
            = coalesce(neighbours.site_id, files.site_id, '')
    where files.records_in = 0
    group by files.source, files.file
),

-- Staging reads every row that was loaded and keeps the first of records with the same values: what
-- is less there was typed in again, in another spelling or under another number of REDCap's.
staged_files as (
    {%- for form in form_names() %}
    {%- set form_loop = loop %}
    {%- for source in source_names() %}
    select
        source,
        delivery_file as file,
        count(*) as n_records
    from {{ ref('stg_' ~ source ~ '__' ~ form) }}
    group by source, delivery_file
    {%- if not (form_loop.last and loop.last) %}
    union all
    {%- endif %}
    {%- endfor %}
    {%- endfor %}
),

staged as (
    select
        source,
        file,
        cast(sum(n_records) as bigint) as n_records
    from staged_files
    group by source, file
),

newer as (
    select
        files.source,
        files.file,
        max(receipts.received_at) as newest_received_at
    from files
    inner join receipts
        on
            files.source = receipts.source
            and files.file = receipts.file
    where receipts.received_at > files.received_at
    group by files.source, files.file
),

of_files as (
    select
        'file' as kind,
        row_accounting.source,
        row_accounting.site_id,
        row_accounting.form,
        row_accounting.file,
        cast(null as bigint) as line,
        cast(null as string) as column_name,
        cast(null as string) as code,
        row_accounting.records_in,
        row_accounting.loaded,
        row_accounting.quarantined,
        row_accounting.exact_duplicates,
        coalesce(row_accounting.loaded - staged.n_records, 0) as retyped_copies,
        cast(files.received_at as string) as received_at,
        same_content.other_names,
        newer.newest_received_at,
        coalesce(foreign_records.n_foreign_records, 0) as n_foreign_records,
        coalesce(siblings.n_sibling_records, 0) as n_sibling_records,
        cast(null as bigint) as n_before,
        cast(null as bigint) as n_now
    from row_accounting
    left join files
        on
            row_accounting.source = files.source
            and row_accounting.file = files.file
    left join same_content
        on
            row_accounting.source = same_content.source
            and row_accounting.file = same_content.file
    left join newer
        on
            row_accounting.source = newer.source
            and row_accounting.file = newer.file
    left join foreign_records
        on
            row_accounting.source = foreign_records.source
            and row_accounting.file = foreign_records.file
    left join staged
        on
            row_accounting.source = staged.source
            and row_accounting.file = staged.file
    left join siblings
        on
            row_accounting.source = siblings.source
            and row_accounting.file = siblings.file
),

said as (
    select
        'quarantine' as kind,
        source,
        form,
        file,
        line,
        column_name,
        reason_code as code
    from quarantine
    union all
    select
        'warning' as kind,
        source,
        form,
        file,
        line,
        column_name,
        reason_code as code
    from warnings
),

of_records as (
    select
        said.kind,
        said.source,
        files.site_id,
        said.form,
        said.file,
        said.line,
        said.column_name,
        said.code,
        cast(null as bigint) as records_in,
        cast(null as bigint) as loaded,
        cast(null as bigint) as quarantined,
        cast(null as bigint) as exact_duplicates,
        cast(null as bigint) as retyped_copies,
        cast(null as string) as received_at,
        cast(null as string) as other_names,
        cast(null as string) as newest_received_at,
        cast(null as bigint) as n_foreign_records,
        cast(null as bigint) as n_sibling_records,
        cast(null as bigint) as n_before,
        cast(null as bigint) as n_now
    from said
    left join files
        on
            said.source = files.source
            and said.file = files.file
),

-- Of a file that has itself been replaced since, nothing is asked any more.
of_changes as (
    select
        'change' as kind,
        changes.source,
        changes.site_id,
        changes.form,
        changes.file,
        cast(null as bigint) as line,
        cast(null as string) as column_name,
        changes.kind as code,
        cast(null as bigint) as records_in,
        cast(null as bigint) as loaded,
        cast(null as bigint) as quarantined,
        cast(null as bigint) as exact_duplicates,
        cast(null as bigint) as retyped_copies,
        changes.received_at,
        cast(null as string) as other_names,
        cast(null as string) as newest_received_at,
        cast(null as bigint) as n_foreign_records,
        cast(null as bigint) as n_sibling_records,
        changes.n_before,
        changes.n_now
    from changes
    inner join files
        on
            changes.delivery_id = files.delivery_id
            and changes.source = files.source
            and changes.file = files.file
    where changes.rule_id not in ('GN14', 'GN16')
),

everything as (
    select * from of_files
    union all
    select * from of_records
    union all
    select * from of_changes
)

select
    everything.source,
    coalesce(sites.site_id, 'ALL') as site_id,
    cast(null as string) as patient_id,
    cast(null as string) as lesion_id,
    everything.form,
    everything.file || coalesce('|line ' || cast(everything.line as string), '') as record_key,
    coalesce(everything.code, '') as payload_hash,
    everything.file as delivery_file,
    everything.line as delivery_line,

    ---------- what is told
    everything.kind,
    everything.code,
    everything.column_name,

    ---------- of the file
    everything.records_in,
    everything.loaded,
    everything.quarantined,
    everything.exact_duplicates,
    everything.retyped_copies,
    everything.received_at,
    everything.other_names,
    everything.newest_received_at,
    everything.n_foreign_records,
    cast(everything.n_sibling_records as bigint) as n_sibling_records,
    everything.n_before,
    everything.n_now
from everything
left join sites on everything.site_id = sites.site_id
