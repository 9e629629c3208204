{#-
What was derived, laid beside what it was derived from: one row per patient, time to event, lesion,
test, table of core, rule, endpoint value that a data cut locked, and headline number.
-#}
with

patients as (select * from {{ ref('dim_patient') }}),

enrolled as (
    select
        patient_id,
        max(site_id) as site_id
    from {{ ref('int_registrations') }}
    where {{ within_cutoff('registration_date') }}
    group by patient_id
),

lesion_records as (
    select
        lesion_id,
        max(patient_id) as patient_id
    from {{ ref('int_lesion_records') }}
    group by lesion_id
),

lesions as (select * from {{ ref('fct_lesion') }}),

times as (select * from {{ ref('time_to_event') }}),

crosstab as (select * from {{ ref('modality_crosstab') }}),

values_now as (select * from {{ ref('analysis_values') }}),

locked as (select * from {{ ref('load_locked_values') }}),

numbers as (select * from {{ ref('headline_numbers') }}),

earlier_numbers as (select * from {{ ref('load_headline_history') }}),

snapshots as (select * from {{ ref('load_quality_snapshots') }}),

---------- patients
adsl as (
    select
        patient_id,
        max(site_id) as site_id,
        count(*) as n_rows
    from patients
    group by patient_id
),

named as (
    select
        patient_id,
        max(site_id) as site_id
    from times
    group by patient_id
    union all
    select
        patient_id,
        max(site_id) as site_id
    from lesions
    where is_baseline_lesion
    group by patient_id
),

known as (
    select patient_id from enrolled
    union
    select patient_id from adsl
    union
    select patient_id from named
),

named_once as (
    select
        patient_id,
        max(site_id) as site_id
    from named
    group by patient_id
),

of_patients as (
    select
        'patient' as kind,
        coalesce(enrolled.site_id, adsl.site_id, named_once.site_id) as site_id,
        known.patient_id,
        cast(null as string) as lesion_id,
        known.patient_id as record_key,
        enrolled.patient_id is not null as is_enrolled,
        coalesce(adsl.n_rows, 0) as n_rows
    from known
    left join enrolled on known.patient_id = enrolled.patient_id
    left join adsl on known.patient_id = adsl.patient_id
    left join named_once on known.patient_id = named_once.patient_id
),

---------- times to event
time_keys as (
    select
        patient_id,
        paramcd,
        count(*) as n_rows
    from times
    group by patient_id, paramcd
),

os_times as (
    select
        patient_id,
        max(adt) as adt,
        max(cnsr) as cnsr
    from times
    where paramcd = 'OS'
    group by patient_id
),

of_times as (
    select
        'time' as kind,
        times.site_id,
        times.patient_id,
        times.patient_id || '|' || times.paramcd as record_key,
        times.paramcd,
        times.startdt,
        times.adt,
        times.aval,
        times.cnsr,
        times.evntdesc,
        time_keys.n_rows,
        os_times.adt as os_adt,
        os_times.cnsr as os_cnsr,
        patients.last_imaging_date
    from times
    inner join time_keys
        on
            times.patient_id = time_keys.patient_id
            and times.paramcd = time_keys.paramcd
    left join os_times on times.patient_id = os_times.patient_id
    left join patients on times.patient_id = patients.patient_id
),

---------- lesions
lesion_rows as (
    select
        lesion_id,
        max(site_id) as site_id,
        count(*) as n_rows,
        count(distinct reference_verdict) as n_verdicts,
        min(reference_reason) as reference_reason
    from lesions
    group by lesion_id
),

of_lesions as (
    select
        'lesion' as kind,
        lesion_rows.site_id,
        lesion_records.patient_id,
        lesion_records.lesion_id,
        coalesce(lesion_rows.n_rows, 0) as n_rows,
        coalesce(lesion_rows.n_verdicts, 0) as n_verdicts,
        lesion_rows.reference_reason
    from lesion_records
    left join lesion_rows on lesion_records.lesion_id = lesion_rows.lesion_id
),

---------- tests
eligible as (
    select count(*) as n_lesions
    from lesions
    where is_baseline_lesion and is_operated
),

of_tests as (
    select
        'test' as kind,
        crosstab.test as record_key,
        cast(sum(crosstab.n_lesions) as bigint) as n_in_cells,
        max(eligible.n_lesions) as n_eligible
    from crosstab
    cross join eligible
    group by crosstab.test
),

---------- tables that every result stands on
of_tables as (
    {%- for name in tables_never_empty() %}
    select
        'table' as kind,
        'core.{{ name }}' as record_key,
        count(*) as n_rows
    from {{ ref(name) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
),

---------- rules of the catalogue, and how many predicates they have
implemented as (
    select listed.rule_id
    from (
        values
        {%- for rule_id in implemented_rules() %}
        ('{{ rule_id }}'){{ ',' if not loop.last }}
        {%- endfor %}
    ) as listed (rule_id)
),

of_rules as (
    select
        'rule' as kind,
        rules.rule_id as record_key,
        count(implemented.rule_id) as n_rows
    from {{ ref('rules') }} as rules
    left join implemented on rules.rule_id = implemented.rule_id
    group by rules.rule_id
),

---------- values that a data cut locked
of_locks as (
    select
        'locked' as kind,
        locked.site_id,
        locked.patient_id,
        locked.lesion_id,
        concat_ws('|', locked.lock_name, locked.endpoint, locked.subset, locked.unit_id)
            as record_key,
        locked.value as value_before,
        values_now.value as value_now
    from locked
    left join values_now
        on
            locked.endpoint = values_now.endpoint
            and locked.subset = values_now.subset
            and locked.unit_id = values_now.unit_id
),

---------- headline numbers
-- This build's own snapshot has numbers where other code made them of the same deliveries.
last_snapshot as (
    select max(snapshots.snapshot_no) as snapshot_no
    from snapshots
    inner join earlier_numbers on snapshots.snapshot_id = earlier_numbers.snapshot_id
),

of_numbers as (
    select
        'number' as kind,
        numbers.number_id as record_key,
        numbers.number_value,
        earlier_numbers.number_value as number_before,
        numbers.inputs_digest = earlier_numbers.inputs_digest as has_same_inputs
    from numbers
    inner join earlier_numbers on numbers.number_id = earlier_numbers.number_id
    inner join snapshots on earlier_numbers.snapshot_id = snapshots.snapshot_id
    inner join last_snapshot on snapshots.snapshot_no = last_snapshot.snapshot_no
),

{%- set columns = [
    ('kind', 'string'), ('site_id', 'string'), ('patient_id', 'string'), ('lesion_id', 'string'),
    ('record_key', 'string'), ('is_enrolled', 'boolean'), ('n_rows', 'bigint'),
    ('paramcd', 'string'), ('startdt', 'date'), ('adt', 'date'), ('aval', 'integer'),
    ('cnsr', 'integer'), ('evntdesc', 'string'), ('os_adt', 'date'), ('os_cnsr', 'integer'),
    ('last_imaging_date', 'date'), ('n_verdicts', 'bigint'), ('reference_reason', 'string'),
    ('n_in_cells', 'bigint'), ('n_eligible', 'bigint'), ('value_before', 'string'),
    ('value_now', 'string'), ('number_value', 'double'), ('number_before', 'double'),
    ('has_same_inputs', 'boolean'),
] %}
{%- set parts = {
    'of_patients': [
        'kind', 'site_id', 'patient_id', 'lesion_id', 'record_key', 'is_enrolled', 'n_rows',
    ],
    'of_times': [
        'kind', 'site_id', 'patient_id', 'record_key', 'paramcd', 'startdt', 'adt', 'aval', 'cnsr',
        'evntdesc', 'n_rows', 'os_adt', 'os_cnsr', 'last_imaging_date',
    ],
    'of_lesions': [
        'kind', 'site_id', 'patient_id', 'lesion_id', 'n_rows', 'n_verdicts', 'reference_reason',
    ],
    'of_tests': ['kind', 'record_key', 'n_in_cells', 'n_eligible'],
    'of_locks': [
        'kind', 'site_id', 'patient_id', 'lesion_id', 'record_key', 'value_before', 'value_now',
    ],
    'of_tables': ['kind', 'record_key', 'n_rows'],
    'of_rules': ['kind', 'record_key', 'n_rows'],
    'of_numbers': ['kind', 'record_key', 'number_value', 'number_before', 'has_same_inputs'],
} %}

everything as (
    {%- for part, there in parts.items() %}
    select
        {%- for name, type in columns %}
        cast({{ name if name in there else 'null' }} as {{ type }}) as {{ name }}
        {{- ',' if not loop.last }}
        {%- endfor %}
    from {{ part }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select
    cast(null as string) as source,
    coalesce(site_id, 'ALL') as site_id,
    patient_id,
    lesion_id,
    cast(null as string) as form,
    coalesce(record_key, lesion_id) as record_key,
    '' as payload_hash,
    cast(null as string) as delivery_file,
    cast(null as bigint) as delivery_line,
    kind,
    {%- for name, type in columns if name not in (
        'kind', 'site_id', 'patient_id', 'lesion_id', 'record_key',
    ) %}
    {{ name }}{{ ',' if not loop.last }}
    {%- endfor %}
from everything
