"""A made-up warehouse with the quality tables and the records that the stewards' page reads.

Columns are those of the models (test_quality_page compares them). Values are invented, follow from
their position and nothing else, and some are hostile: the page must show them and never run them.
"""

from __future__ import annotations

import duckdb

HOSTILE = "<img src=x onerror=alert(1)>"
HOSTILE_KEY = """EU01-001|1|'"><script>alert(2)</script>"""

_SITES = """
create schema if not exists core;
create schema if not exists quality;
create schema if not exists intermediate;

create table core.dim_site as
select
    format('{}{:02d}', centre.prefix, number) as site_id,
    format('Site {}{:02d}', centre.prefix, number) as site_name,
    case centre.data_centre
        when 'eortc' then ['BE', 'NL', 'IT'][1 + number % 3]
        when 'jcog' then 'JP'
        else 'US'
    end as country,
    centre.region,
    centre.data_centre
from (values ('EU', 'Europe', 'eortc', 6), ('JP', 'Japan', 'jcog', 13),
    ('US', 'United States', 'us', 2)) as centre (prefix, region, data_centre, n),
    lateral (select unnest(range(1, centre.n + 1)) as number);
"""

_RULES = """
create table quality.rules (
    rule_id varchar, table_name varchar, form varchar, column_name varchar, severity varchar,
    category varchar, owner varchar, check_kind varchar, threshold_percent double,
    threshold_reason varchar, title_en varchar, title_ja varchar, description_en varchar,
    description_ja varchar, message_en varchar, message_ja varchar, action_en varchar,
    action_ja varchar, citation varchar, version varchar
);
insert into quality.rules values
    ('DL12', 'delivery', null, null, 'S2', 'Completeness', 'DM', 'window', 10,
        'A cumulative file only grows.', 'File shrank by a tenth or more',
        'ファイルの件数が1割以上減少',
        'A cumulative file has fewer records than the one before it.',
        '累積ファイルの件数が前回より少ない。', 'The file has fewer records than the last one.',
        '前回より件数が少ない。', 'Send the whole file again.', '全件を再送する。', 'own', '1'),
    ('PT10', 'patients', 'registration', 'n_lesions_declared', 'S2', 'Conf-Computational', 'SITE',
        'predicate', 5, 'A miscount is common at entry.',
        'Declared number of metastases differs from the lesion records',
        '申告された転移個数と病変記録の数が異なる',
        'The number declared at registration is not the number of lesion records.',
        '登録時の申告個数と病変記録の個数が一致しない。',
        'The declared number differs from the lesion records.', '申告個数が病変記録と異なる。',
        'Correct the number or send the lesion.', '個数を訂正するか、欠けている病変を送る。',
        'own', '1'),
    ('RD05', 'reads', 'read', 'size_mm', 'S1', 'Plaus-Atemporal', 'RAD', 'predicate', 0,
        'A size contradicts the verdict that the endpoint rests on.',
        'Lesion called not visible has a size', '「消失」と判定された病変に径が記載されている',
        'A read with verdict not_visible has a size above 0 mm.',
        '判定が not_visible の読影に0 mmを超える径が記載されている。',
        'The read says not visible, yet a size is given.', '「消失」の読影に径が記載されている。',
        'Correct the verdict or the size; the reader decides.',
        '判定または径を訂正する。読影医が判断する。', 'protocol 7.2', '2'),
    ('RD13', 'reads', 'read', 'read_date', 'S3', 'Plaus-Temporal', 'SITE', 'not_before', 10,
        'Waiting for the operating room is beyond the site.',
        'Last preoperative MRI is older than the window', '術前最終MRIが期間外',
        'The last MRI before surgery is older than the window.', '術前最終MRIが規定期間より古い。',
        'The MRI is older than the window.', 'MRIが規定期間より古い。',
        'Confirm the date.', '日付を確認する。', 'protocol', '1'),
    ('RD24', 'reads', 'read', 'size_mm', 'S4', 'Plaus-Atemporal', 'DM', 'statistical', null, null,
        'Sizes end in 0 or 5 too often', '径の末尾が0または5に偏る',
        'More than 60 % of a site''s sizes end in 0 or 5.', '施設の径の60 %超が0または5で終わる。',
        'Sizes look rounded.', '径が丸められている可能性がある。', 'Ask how sizes are measured.',
        '計測方法を確認する。', 'central monitoring', '1'),
    ('PA01', 'pathology', 'pathology', 'specimen_id', 'S2', 'Completeness', 'SITE', 'not_null', 2,
        'Without a specimen there is no truth.', 'Resected lesion without a specimen',
        '切除病変に標本がない', 'A resected lesion has no specimen.', '切除病変に標本がない。',
        'No specimen is given.', '標本の記載がない。', 'Send its number.', '標本番号を送る。',
        'own', '1'),
    ('FU02', 'followup', 'followup', 'imaging_date', 'S3', 'Plaus-Temporal', 'SITE', 'between', 5,
        'Late visits happen.', 'Imaging lies after the visit that tells it',
        '画像検査日が来院日より後', 'Imaging is dated after it.', '画像検査日が来院日より後。',
        'Imaging after the visit.', '画像検査日が来院日より後。', 'Confirm both dates.',
        '両方の日付を確認する。', 'own', '1'),
    ('SU99', 'surgery', 'surgery', 'duration_min', 'S3', 'Plaus-Atemporal', 'SITE', 'between', 1,
        'Typing errors.', 'Duration <b>out of range</b> & "odd"', '手術時間が範囲外 <b>',
        'Duration is outside 30 to 1200 min.', '手術時間が30〜1200分の範囲外。', 'Duration is odd.',
        '手術時間が範囲外。', 'Confirm the duration.', '手術時間を確認する。', 'own', '1');
alter table quality.rules add column threshold_reason_ja varchar;
update quality.rules set threshold_reason_ja = '入力の誤りは起こりうる。' where rule_id = 'PT10';
"""

# Patients of a site are numbered from 1; every one has two lesions with the reads of a real course.
_RECORDS = """
create table core.dim_patient as
select
    format('{}-{:03d}', site_id, number) as patient_id, site_id,
    date '2018-03-01' + cast(number * 7 as integer) as surgery_date
from core.dim_site, lateral (select unnest(range(1, {patients} + 1)) as number);

create table intermediate.int_registrations as
select
    patient_id, site_id, surgery_date - 190 as consent_date,
    surgery_date - 180 as registration_date,
    surgery_date - 170 as chemo_start_date, surgery_date - 60 as chemo_end_date,
    cast(6 as integer) as chemo_cycles, patient_id as record_key
from core.dim_patient;

create table intermediate.int_outcomes as
select
    patient_id, null::date as death_date, null as death_cause,
    surgery_date + 900 as last_contact_date, patient_id as record_key
from core.dim_patient;

create table intermediate.int_lesion_records as
select
    format('{}-L{:02d}', patient_id, number) as lesion_id, patient_id,
    cast(number as integer) as lesion_no, '4a' as segment, 8.0 + number as baseline_size_mm,
    surgery_date - 185 as baseline_date, patient_id || '|' || number as record_key
from core.dim_patient, (values (1), (2)) as lesions (number);

create view intermediate.int_reads as
select
    lesions.lesion_id, lesions.patient_id, exams.modality, exams.timepoint,
    patients.surgery_date + exams.days as read_date, 'done' as read_status, exams.verdict,
    null as verdict_reason, exams.size_mm, exams.size_status,
    exams.reader_id, exams.reader_role,
    concat_ws('|', lesions.record_key, exams.modality, exams.timepoint, exams.reader_id)
        as record_key
from intermediate.int_lesion_records as lesions
inner join core.dim_patient as patients on lesions.patient_id = patients.patient_id
cross join (values
    ('CT', 'baseline', -185, 'visible', 12.0, 'measured', 'R1', 'local'),
    ('MRI', 'baseline', -184, 'visible', 11.0, 'measured', 'R1', 'local'),
    ('CT', 'preop', -20, 'not_visible', 3.0, 'gone', 'R1', 'local'),
    ('CT', 'preop', -20, 'not_visible', 0.0, 'gone', 'C1', 'central'),
    ('MRI', 'preop', -18, 'not_evaluable', null, 'not_measured', 'R1', 'local'),
    ('IOUS', 'intraop', 0, 'not_visible', 0.0, 'gone', 'S1', 'local')
) as exams (modality, timepoint, days, verdict, size_mm, size_status, reader_id, reader_role);

create table core.fct_read as
select
    md5(record_key) as read_key, lesion_id,
    reader_id <> 'R1' or timepoint = 'baseline' as is_accepted,
    case when reader_id = 'R1' and timepoint = 'preop' then 'overruled' end as not_accepted_reason
from intermediate.int_reads;

create table intermediate.int_surgeries as
select
    patient_id, cast(1 as integer) as stage, cast(1 as integer) as planned_stages,
    true as is_performed, true as is_counted_stage, surgery_date, 'wedge_resection' as procedure,
    'R0' as r_status, patient_id || '|1' as record_key
from core.dim_patient;

create table intermediate.int_dispositions as
select
    lesions.lesion_id, lesions.patient_id, cast(1 as integer) as stage,
    case when lesions.lesion_no = 1 then 'resected' else 'left_in_place' end as action,
    case when lesions.lesion_no = 2 then 'not_found' end as action_reason,
    case when lesions.lesion_no = 1 then lesions.patient_id || '-S1' end as specimen_id,
    patients.surgery_date, lesions.record_key || '|1' as record_key
from intermediate.int_lesion_records as lesions
inner join core.dim_patient as patients on lesions.patient_id = patients.patient_id;

create table intermediate.int_specimens as
select
    dispositions.lesion_id, dispositions.patient_id, dispositions.specimen_id,
    dispositions.surgery_date + 9 as pathology_date, 'no_viable_cells' as specimen_result,
    0.0 as viable_pct, 3 as trg,
    dispositions.record_key || '|' || dispositions.specimen_id as record_key
from intermediate.int_dispositions as dispositions
where dispositions.specimen_id is not null;

create table intermediate.int_findings as
select
    patients.patient_id, cast(visits.visit_no as integer) as visit_no,
    case when visits.visit_no = 3 then patients.patient_id || '-L02' end as lesion_id,
    patients.surgery_date + visits.days as visit_date,
    patients.surgery_date + visits.days - 4 as imaging_date, 'alive' as vital_status,
    visits.visit_no = 3 as is_recurrence, visits.visit_no = 3 as is_regrowth,
    case when visits.visit_no = 3 then 'at_spot' end as recurrence_place,
    case when visits.visit_no = 3 then patients.surgery_date + visits.days - 4 end
        as recurrence_date,
    null::varchar as later_treatment, null::date as later_treatment_date,
    patients.patient_id || '|' || visits.visit_no || '|' as record_key
from core.dim_patient as patients
cross join (values (1, 90), (2, 270), (3, 540)) as visits (visit_no, days);

create view quality.record_sources as
with records as (
    select 'registration' as form, record_key, patient_id, null as lesion_id
    from intermediate.int_registrations
    union all
    select 'lesion', record_key, patient_id, lesion_id from intermediate.int_lesion_records
    union all
    select 'read', record_key, patient_id, lesion_id from intermediate.int_reads
    union all
    select 'surgery', record_key, patient_id, null from intermediate.int_surgeries
    union all
    select 'disposition', record_key, patient_id, lesion_id from intermediate.int_dispositions
    union all
    select 'pathology', record_key, patient_id, lesion_id from intermediate.int_specimens
    union all
    select 'followup', record_key, patient_id, lesion_id from intermediate.int_findings
    union all
    select 'outcome', record_key, patient_id, null from intermediate.int_outcomes
)
select
    'made-up' as source, form, record_key, patient_id, lesion_id,
    md5(record_key) as payload_hash, '1' as delivery_id,
    left(patient_id, 2) || '/' || form || '.csv' as delivery_file,
    1 + row_number() over (partition by form order by patient_id, lesion_id, record_key)
        as delivery_line
from records;
"""

# Of every site each rule is violated by the first records; how many grows with the site's number.
_FINDINGS = """
create table quality.violations as
with records as (
    select
        rules.rule_id, rules.severity, rules.form, rules.column_name, sites.site_id,
        sources.patient_id, sources.lesion_id, sources.record_key, sources.delivery_file as file,
        sources.delivery_line as line,
        row_number() over (
            partition by rules.rule_id, sites.site_id
            order by sources.record_key, sources.delivery_line
        ) as position,
        hash(rules.rule_id || sites.site_id) % 7 as weight
    from quality.rules as rules
    cross join core.dim_site as sites
    inner join quality.record_sources as sources
        on rules.form = sources.form and left(sources.patient_id, 4) = sites.site_id
)
select
    rule_id, severity, site_id, patient_id, lesion_id, form, record_key, column_name,
    coalesce(column_name, 'value') || '=' || position || '; verdict=not_visible' as evidence,
    md5(rule_id || record_key) as evidence_hash, 'made-up' as source, file, line
from records
where
    position <= {per_rule} and (weight > 1 or rule_id = 'RD05') and site_id <> 'US02'
    and (rule_id <> 'RD05' or site_id in ('JP07', 'EU01')) and rule_id <> 'RD24'
union all
select
    'DL12', 'S2', 'ALL', null, null, null, 'EU/read.csv', null, 'records=80; before=120', 'x',
    'made-up', 'EU/read.csv', null;

update quality.violations set evidence = '{hostile}', record_key = '{hostile_key}'
where rule_id = 'PA01' and record_key = (
    select min(record_key) from quality.violations where rule_id = 'PA01'
);

create table quality.rule_results as
with counted as (
    select
        rules.rule_id, sites.site_id, count(violations.rule_id) as n_violated,
        cast(if(rules.rule_id = 'RD24' and sites.site_id = 'JP13', 0, 12 * {patients}) as bigint)
            as n_checked
    from quality.rules as rules
    cross join (select site_id from core.dim_site union all select 'ALL') as sites
    left join quality.violations as violations
        on rules.rule_id = violations.rule_id and sites.site_id = violations.site_id
    where (sites.site_id = 'ALL') = (rules.table_name = 'delivery')
    group by all
)
select
    counted.rule_id, counted.site_id, counted.n_violated,
    counted.n_checked,
    case when counted.site_id <> 'US02' then 100.0 * counted.n_violated / nullif(n_checked, 0) end
        as percent,
    rules.threshold_percent,
    case
        when counted.site_id = 'US02' then 'not_evaluated'
        when counted.rule_id = 'RD24' and counted.site_id = 'EU02' then 'error'
        when counted.n_checked = 0 then 'not_applicable'
        when counted.n_violated = 0 then 'pass'
        when rules.threshold_percent is null then 'warn'
        when 100.0 * counted.n_violated / counted.n_checked <= rules.threshold_percent
            then 'pass_with_rows'
        when rules.severity in ('S1', 'S2') then 'fail'
        else 'warn'
    end as status,
    case
        when counted.site_id = 'US02' then 'site sent nothing'
        when counted.rule_id = 'RD24' and counted.site_id = 'EU02' then 'division <by> zero'
    end as reason
from counted
inner join quality.rules on counted.rule_id = rules.rule_id;

create table quality.rule_results_history as
select
    'snapshot-' || snapshots.snapshot_no as snapshot_id,
    cast(snapshots.snapshot_no as integer) as snapshot_no,
    date '2024-01-15' + cast(snapshots.snapshot_no * 91 as integer) as received_at, results.rule_id,
    results.site_id,
    results.n_violated * (1 + {snapshots} - snapshots.snapshot_no)
        as n_violated,
    results.n_checked, results.percent * (1 + {snapshots} - snapshots.snapshot_no) as percent,
    results.threshold_percent, results.status, results.reason
from quality.rule_results as results
cross join (select unnest(range(1, {snapshots} + 1)) as snapshot_no) as snapshots;

create table quality.site_scorecard as
with rates as (
    select
        sites.site_id, 20.0 * {patients} * (1 + position_of_site % 11) as n,
        (select count(*) from quality.violations as v where v.site_id = sites.site_id) as found
    from (
        select site_id, row_number() over (order by site_id) as position_of_site
        from core.dim_site
    ) as sites
),
center as (select sum(found) / sum(n) as rate from rates)
select
    site_id, cast({patients} as bigint) as n_patients, cast(2 * {patients} as bigint) as n_lesions,
    cast(12 * {patients} as bigint) as n_reads,
    cast(n as bigint) as n_records,
    cast(0 as bigint) as n_quarantined,
    {severity_columns}
    found as n_queries_open, cast(hash(site_id) % 200 as integer) as oldest_open_days,
    cast(hash(site_id) % 3 as bigint) as n_rules_failed,
    cast(if(site_id = 'US02', 8, 0) as bigint) as n_rules_not_evaluated,
    100.0 * found / n as violations_per_100_records, 100 * rate as funnel_center,
    100 * greatest(rate - 1.96 * sqrt(rate / n), 0) as funnel_lower_95,
    100 * (rate + 1.96 * sqrt(rate / n)) as funnel_upper_95,
    100 * greatest(rate - 3.09 * sqrt(rate / n), 0) as funnel_lower_998,
    100 * (rate + 3.09 * sqrt(rate / n)) as funnel_upper_998,
    case
        when site_id = 'US02' then 'not_estimable'
        when found / n > rate + 3.09 * sqrt(rate / n) then 'above_998'
        when found / n > rate + 1.96 * sqrt(rate / n) then 'above_95'
        when found / n < rate - 3.09 * sqrt(rate / n) then 'below_998'
        when found / n < rate - 1.96 * sqrt(rate / n) then 'below_95'
        else 'inside'
    end as funnel_status,
    if(site_id = 'US02', null, date '2024-10-13') as last_received,
    case when site_id = 'US02' then 'missing' when site_id = 'JP03' then 'late' else 'on_time' end
        as delivery_status
from rates, center;

create table quality.queries as
select distinct on (rule_id, site_id, form, record_key, column_name)
    'Q-' || left(md5(concat_ws('|', rule_id, site_id, form, record_key, column_name)), 10)
        as query_id,
    rule_id, severity, site_id, patient_id, lesion_id, form, record_key, column_name,
    ['new', 'open', 'changed', 'reopened', 'waived'][1 + cast(hash(record_key) % 5 as bigint)]
        as state,
    evidence, evidence_hash,
    case when hash(record_key) % 5 = 2 then 'before; verdict=visible' end as previous_evidence,
    date '2024-10-13' - cast(hash(record_key) % 300 as integer) as first_seen,
    date '2024-10-13' as last_seen, null::date as resolved_at,
    cast(hash(record_key) % 300 as integer) as age_days,
    cast(if(hash(record_key) % 5 = 3, 1, 0) as integer) as n_reopened, file, line,
    case when hash(record_key) % 5 = 4 then 'Seen with the <reader>' end as waiver_reason,
    case when hash(record_key) % 5 = 4 then 'steward.a' end as waiver_author,
    case when hash(record_key) % 5 = 4 then 'lead.b' end as waiver_approved_by,
    case when hash(record_key) % 5 = 4 then date '2025-06-30' end as waiver_expires,
    case when hash(record_key) % 3 = 0 then 'We corrected it. 訂正しました。' end as reply,
    case when hash(record_key) % 3 = 0 then timestamp '2024-11-01 09:30:00' end as replied_at,
    case when hash(record_key) % 3 = 0 then hash(record_key) % 2 = 0 end as is_reply_current
from quality.violations
where column_name is not null
order by rule_id, site_id, form, record_key, column_name, evidence;
insert into quality.queries by name
select
    'Q-resolved01' as query_id, 'RD05' as rule_id, 'S1' as severity, 'JP07' as site_id,
    'JP07-001' as patient_id, 'JP07-001-L02' as lesion_id, 'read' as form,
    'JP07-001|2|CT|gone' as record_key, 'size_mm' as column_name, 'resolved' as state,
    'size_mm=4' as evidence, 'y' as evidence_hash, date '2024-02-01' as first_seen,
    date '2024-05-01' as last_seen, date '2024-08-01' as resolved_at, 182 as age_days,
    0 as n_reopened, 'JP/read.csv' as file, 9 as line;
"""

_DELIVERY = """
create table quality.delivery_calendar as
select
    sites.data_centre as source, sites.site_id, forms.form, date '2024-01-15' as first_due,
    91 as every_days, date '2024-10-13' as as_of, date '2024-10-14' as last_due,
    case when sites.site_id = 'US02' then null else date '2024-10-13' end as last_received,
    case
        when sites.site_id = 'US02' then 'missing'
        when sites.site_id = 'JP03' and forms.form = 'read' then 'late'
        when forms.form = 'outcome' then 'not_due'
        else 'on_time'
    end as status,
    case when sites.site_id = 'JP03' and forms.form = 'read' then 12 else 0 end as days_late
from core.dim_site as sites
cross join (values ('registration'), ('lesion'), ('read'), ('surgery'), ('pathology'),
    ('followup'), ('outcome')) as forms (form);

create table quality.quarantine as
from (values
    ('jcog', 'read', 'JP07/read.csv', 14::bigint, 'size', 'number', '<script>alert(3)</script>'),
    ('eortc', 'followup', 'EU01/followup.csv', 3::bigint, null, 'field_count', '11 fields, not 12')
) as t (source, form, file, line, column_name, reason_code, reason);

create table quality.row_accounting as
from (values
    ('jcog', 'JP07', 'read', 'JP07/read.csv', 120::bigint, 119::bigint, 1::bigint, 0::bigint)
) as t (source, site_id, form, file, records_in, loaded, quarantined, exact_duplicates);

create table quality.missing_values as
from (values
    ('jcog', 'read', 'size_mm', 'JP07-001', 'JP07-001|1|CT', '未実施', 'not_done', 'a', 2::bigint),
    ('jcog', 'read', 'size_mm', 'JP07-002', 'JP07-002|1|CT', '未実施', 'not_done', 'a', 3::bigint),
    ('eortc', 'outcome', 'cause', 'EU01-001', 'EU01-001', '<b>UNK</b>', 'unknown', 'b', 2::bigint)
) as t (source, form, column_name, patient_id, record_key, raw_text, missing_reason,
    delivery_file, delivery_line);
"""


def fake_quality(
    *,
    patients: int = 12,
    per_rule: int = 6,
    snapshots: int = 4,
    with_queries: bool = True,
) -> duckdb.DuckDBPyConnection:
    """Make the warehouse in memory.

    Args:
        patients: patients of each of the 21 sites.
        per_rule: about how many records violate a rule at one site, at most.
        snapshots: sets of deliveries the history holds.
        with_queries: whether there is a table of queries.
    """
    severity_columns = "".join(
        f"(select count(*) from quality.violations as v where v.site_id = rates.site_id"
        f" and v.severity = 'S{level}') as n_{kind}_s{level},\n    "
        for kind in ("violations", "open")
        for level in range(1, 5)
    )
    values = {
        "{patients}": str(patients),
        "{per_rule}": str(per_rule),
        "{snapshots}": str(snapshots),
        "{severity_columns}": severity_columns,
        "{hostile}": HOSTILE,
        "{hostile_key}": HOSTILE_KEY.replace("'", "''"),
    }
    script = _SITES + _RULES + _RECORDS + _FINDINGS + _DELIVERY
    for name, value in values.items():
        script = script.replace(name, value)
    connection = duckdb.connect()
    connection.execute(script)
    if not with_queries:
        connection.execute("drop table quality.queries")
    return connection
