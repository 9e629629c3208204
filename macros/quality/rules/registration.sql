{#-
Rules of the registration and baseline form (catalogue table `patients`). Dates of which only the
month or the year is known are compared by their bounds: what may be in order is no finding.
-#}
{% macro registration_rules() -%}
    {{ return([
        {
            'id': 'PT01',
            'applies': 'patient_id is not null',
            'violated': 'not ' ~ matches('patient_id', '^[A-Z]{2}[0-9]{2}-[0-9]{3,}$')
                ~ " or split_part(patient_id, '-', 1) <> delivered_site_id",
            'evidence': ['patient_id', 'delivered_site_id'],
            'column': 'patient_id',
        },
        {
            'id': 'PT02',
            'violated': 'has_two_sites',
            'evidence': ['patient_id', 'sites_of_patient'],
            'column': 'site_id',
        },
        {
            'id': 'PT03',
            'checks': [
                {'kind': 'not_null', 'column': 'age'},
                {
                    'kind': 'between', 'column': 'age',
                    'min': var('quality').age_min, 'max': var('quality').age_max,
                },
            ],
        },
        {
            'id': 'PT04',
            'violated': 'sex is null',
            'evidence': ['sex_text'],
            'column': 'sex',
        },
        {
            'id': 'PT05',
            'violated': 'consent_date is null'
                ~ ' or consent_date_lower > first_procedure_date_upper',
            'evidence': ['consent_date', 'first_procedure_date'],
            'column': 'consent_date',
        },
        {
            'id': 'PT06',
            'applies': 'n_baseline_lesions is not null',
            'violated': 'n_baseline_lesions = 0',
            'evidence': ['n_lesion_records', 'n_baseline_lesions'],
            'column': 'patient_id',
            'needs': ['registration', 'lesion', 'read'],
        },
        {
            'id': 'PT07',
            'applies': "eligible = 'yes'",
            'violated': 'chemo_start_date is null or coalesce(chemo_cycles, 0) < 1',
            'evidence': ['eligible', 'chemo_start_date', 'chemo_cycles'],
            'column': 'chemo_cycles',
        },
        {
            'id': 'PT08',
            'applies': 'primary_dx_date is not null and liver_mets_dx_date is not null',
            'checks': [
                {
                    'kind': 'not_before', 'later': 'liver_mets_dx_date_upper',
                    'earlier': 'primary_dx_date_lower',
                },
            ],
            'column': 'liver_mets_dx_date',
        },
        {
            'id': 'PT09',
            'applies': 'synchronous is not null and primary_dx_date is not null'
                ~ ' and liver_mets_dx_date is not null',
            'violated': "(synchronous = 'yes' and "
                ~ days_between('primary_dx_date_upper', 'liver_mets_dx_date_lower')
                ~ ' > ' ~ var('quality').synchronous_days ~ ") or (synchronous = 'no' and "
                ~ days_between('primary_dx_date_lower', 'liver_mets_dx_date_upper') ~ ' <= 0)',
            'evidence': ['synchronous', 'primary_dx_date', 'liver_mets_dx_date'],
            'column': 'synchronous',
        },
        {
            'id': 'PT10',
            'applies': 'n_lesions_declared is not null and n_baseline_lesions is not null',
            'violated': 'n_lesions_declared <> n_baseline_lesions',
            'evidence': ['n_lesions_declared', 'n_baseline_lesions'],
            'column': 'n_lesions_declared',
            'needs': ['registration', 'lesion', 'read'],
        },
        {
            'id': 'PT11',
            'applies': 'chemo_end_date is not null',
            'violated': 'chemo_end_date_upper < chemo_start_date_lower'
                ~ ' or chemo_end_date_lower > first_surgery_date_upper',
            'evidence': ['chemo_start_date', 'chemo_end_date', 'first_surgery_date'],
            'column': 'chemo_end_date',
        },
        {
            'id': 'PT12',
            'applies': 'cea is not null',
            'violated': 'cea < 0 or cea > ' ~ var('quality').cea_max_ng_ml
                ~ ' or cea_unit is null',
            'evidence': ['cea', 'cea_unit', 'cea_unit_text'],
            'column': 'cea',
        },
        {
            'id': 'PT13',
            'checks': [
                {
                    'kind': 'between', 'column': 'chemo_cycles',
                    'min': 1, 'max': var('quality').chemo_cycles_max,
                },
            ],
        },
        {
            'id': 'PT14',
            'checks': [{'kind': 'not_null', 'column': 'registration_date'}],
        },
        {
            'id': 'PT16',
            'checks': [
                {'kind': 'in_set', 'column': 'consent_date_precision', 'values': ['day']},
            ],
            'evidence': ['consent_date', 'consent_date_precision'],
            'column': 'consent_date',
        },
        {
            'id': 'PT15',
            'applies': 'withdrawal_date is not null',
            'violated': 'last_activity_date_lower > withdrawal_date_upper',
            'evidence': ['withdrawal_date', 'last_activity_date', 'last_activity'],
            'column': 'withdrawal_date',
        },
    ]) }}
{%- endmacro %}
