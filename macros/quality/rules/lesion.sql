{#-
Rules of the lesion form (catalogue table `lesions`), and those whose finding is one lesion though
they look at its reads, its operation or its follow-up.
-#}
{% macro lesion_rules() -%}
    {%- set limits = var('quality') -%}
    {{ return([
        {
            'id': 'LE01',
            'violated': 'lacks_patient',
            'evidence': ['patient_id', 'lesion_id'],
            'column': 'patient_id',
            'needs': ['lesion', 'registration'],
        },
        {
            'id': 'LE02',
            'violated': 'is_contested',
            'evidence': ['lesion_id', 'segment', 'baseline_size_mm', 'baseline_date'],
            'column': 'lesion_no',
        },
        {
            'id': 'LE03',
            'applies': 'lesion_no is not null',
            'violated': 'lesion_no > 1 and not has_number_before',
            'evidence': ['lesion_no', 'n_lesion_records', 'highest_lesion_no'],
            'column': 'lesion_no',
        },
        {
            'id': 'LE04',
            'checks': [
                {'kind': 'not_null', 'column': 'segment'},
                {
                    'kind': 'regex', 'column': 'segment',
                    'pattern': '^(?:[1-8]|4[ab])(?:[+](?:[1-8]|4[ab]))*$',
                },
            ],
        },
        {
            'id': 'LE05',
            'checks': [
                {'kind': 'not_null', 'column': 'baseline_size_mm'},
                {'kind': 'between', 'column': 'baseline_size_mm', 'min': 0, 'strict_min': true},
            ],
        },
        {
            'id': 'LE06',
            'when': {'baseline_size_mm': 'not null'},
            'checks': [
                {
                    'kind': 'between', 'column': 'baseline_size_mm',
                    'min': limits.baseline_size_min_mm, 'max': limits.size_max_mm,
                },
            ],
        },
        {
            'id': 'LE07',
            'applies': 'segment is not null and baseline_size_mm is not null'
                ~ ' and baseline_date is not null',
            'violated': 'n_alike > 1',
            'evidence': ['segment', 'baseline_size_mm', 'baseline_date', 'n_alike'],
            'column': 'segment',
        },
        {
            'id': 'LE08',
            'when': {'site_disappeared': 'yes'},
            'applies': 'local_ct_verdict is not null',
            'violated': "local_ct_verdict <> 'not_visible'",
            'evidence': ['site_disappeared', 'local_ct_verdict', 'local_ct_date'],
            'column': 'site_disappeared',
            'needs': ['lesion', 'read'],
        },
        {
            'id': 'LE09',
            'when': {'site_disappeared': 'no'},
            'applies': 'local_ct_verdict is not null',
            'violated': "local_ct_verdict = 'not_visible'",
            'evidence': ['site_disappeared', 'local_ct_verdict', 'local_ct_date'],
            'column': 'site_disappeared',
            'needs': ['lesion', 'read'],
        },
        {
            'id': 'LE10',
            'applies': 'not lacks_patient',
            'violated': 'n_baseline_reads = 0',
            'evidence': ['n_baseline_reads'],
            'column': 'lesion_no',
            'needs': ['lesion', 'read'],
        },
        {
            'id': 'LE11',
            'applies': 'baseline_date is not null and chemo_start_date_upper is not null',
            'violated': 'baseline_date_lower > chemo_start_date_upper',
            'evidence': ['baseline_date', 'chemo_start_date_upper'],
            'column': 'baseline_date',
            'needs': ['lesion', 'registration'],
        },
        {
            'id': 'RD13',
            'applies': 'is_operated and is_baseline_lesion and mri_read_date is not null',
            'violated': 'mri_days_before_surgery > ' ~ var('preop_window_days'),
            'evidence': ['mri_read_date', 'mri_days_before_surgery'],
            'column': 'read_date',
            'needs': ['read', 'surgery'],
        },
        {
            'id': 'RD15',
            'applies': 'is_dlm',
            'violated': "ious_verdict in ('missing', 'not_done')",
            'evidence': ['ct_verdict', 'ious_verdict'],
            'column': 'verdict',
            'needs': ['read', 'surgery'],
        },
        {
            'id': 'RD16',
            'applies': 'is_dlm',
            'violated': "mri_verdict in ('missing', 'not_done')",
            'evidence': ['ct_verdict', 'mri_verdict'],
            'column': 'verdict',
            'needs': ['read', 'surgery'],
        },
        {
            'id': 'RD18',
            'applies': 'n_preop_reads > 0',
            'violated': 'disputed_modalities is not null',
            'evidence': ['disputed_modalities'],
            'column': 'verdict',
            'needs': ['read'],
        },
        {
            'id': 'RD27',
            'applies': 'is_operated and is_baseline_lesion and ct_read_date is not null',
            'violated': 'ct_days_before_surgery > ' ~ var('preop_window_days'),
            'evidence': ['ct_read_date', 'ct_days_before_surgery'],
            'column': 'read_date',
            'needs': ['read', 'surgery'],
        },
        {
            'id': 'SU05',
            'applies': 'is_operated',
            'violated': 'n_actions = 0',
            'evidence': ['lesion_id', 'n_actions'],
            'column': 'action',
            'needs': ['surgery', 'disposition'],
        },
        {
            'id': 'FU05',
            'applies': "is_dlm and disposition = 'left_in_place' and death_date is null",
            'violated': 'last_imaging_date is null or '
                ~ days_between('day_zero_lower', 'last_imaging_date_upper')
                ~ ' < ' ~ limits.left_imaging_days,
            'evidence': ['disposition', 'day_zero', 'last_imaging_date'],
            'column': 'imaging_date',
            'needs': ['surgery', 'disposition', 'followup'],
        },
    ]) }}
{%- endmacro %}
