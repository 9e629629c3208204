{#-
Rules of the tables of core: what our models made of the records (catalogue table `derived`). All
are statements of a known kind, so Great Expectations guards the same.
-#}

{% macro dim_site_rules() -%}
    {{ return([
        {'id': 'DV08', 'checks': [{'kind': 'unique', 'columns': ['site_id']}]},
        {
            'id': 'DV09',
            'checks': [{'kind': 'regex', 'column': 'site_id', 'pattern': '^[A-Z]{2}[0-9]{2}$'}],
        },
        {
            'id': 'DV10',
            'checks': [
                {
                    'kind': 'pair_in_set', 'columns': ['data_centre', 'region'],
                    'pairs': [['eortc', 'Europe'], ['jcog', 'Japan'], ['us', 'United States']],
                },
            ],
        },
        {
            'id': 'DV11',
            'checks': [{'kind': 'regex', 'column': 'country', 'pattern': '^[A-Z]{2}$'}],
        },
    ]) }}
{%- endmacro %}


{% macro dim_patient_rules() -%}
    {{ return([
        {'id': 'DV12', 'checks': [{'kind': 'unique', 'columns': ['patient_id']}]},
        {
            'id': 'DV13',
            'checks': [
                {
                    'kind': 'regex', 'column': 'patient_id',
                    'pattern': '^[A-Z]{2}[0-9]{2}-[0-9]{3,}$',
                },
            ],
        },
        {
            'id': 'DV14',
            'checks': [
                {'kind': 'not_null', 'column': 'site_id'},
                {'kind': 'not_null', 'column': 'region'},
            ],
        },
        {
            'id': 'DV15',
            'checks': [
                {
                    'kind': 'not_before', 'later': 'surgery_date', 'earlier': 'first_surgery_date',
                },
            ],
        },
        {
            'id': 'DV16',
            'when': {'is_operated': true},
            'checks': [{'kind': 'not_null', 'column': 'surgery_date'}],
        },
        {
            'id': 'DV17',
            'when': {'is_operated': false},
            'checks': [{'kind': 'null', 'column': 'surgery_date'}],
        },
        {
            'id': 'DV18',
            'checks': [
                {'kind': 'not_before', 'later': 'n_baseline_lesions', 'earlier': 'n_dlm'},
                {'kind': 'not_before', 'later': 'n_dlm', 'earlier': 'n_confirmed_dlm'},
                {
                    'kind': 'not_before', 'later': 'n_confirmed_dlm',
                    'earlier': 'n_evaluable_confirmed_dlm',
                },
            ],
        },
        {
            'id': 'DV19',
            'when': {'resection_group': 'null', 'has_confirmed_dlm': true},
            'checks': [{'kind': 'not_null', 'column': 'resection_group_reason'}],
        },
        {
            'id': 'DV20',
            'when': {'resection_group': ['all_resected', 'some_left']},
            'checks': [{'kind': 'in_set', 'column': 'has_confirmed_dlm', 'values': [true]}],
        },
    ]) }}
{%- endmacro %}


{% macro fct_lesion_rules() -%}
    {%- set verdicts = ['visible', 'not_visible', 'not_evaluable', 'not_done', 'missing'] -%}
    {%- set said = [] -%}
    {%- for test in ['ct', 'mri', 'ious', 'ceious'] -%}
        {%- do said.extend([
            {'kind': 'not_null', 'column': test ~ '_verdict'},
            {'kind': 'in_set', 'column': test ~ '_verdict', 'values': verdicts},
        ]) -%}
    {%- endfor -%}
    {{ return([
        {'id': 'DV21', 'checks': [{'kind': 'unique', 'columns': ['lesion_id']}]},
        {'id': 'DV22', 'checks': [{'kind': 'unique', 'columns': ['patient_id', 'lesion_no']}]},
        {
            'id': 'DV23',
            'checks': [
                {
                    'kind': 'regex', 'column': 'lesion_id',
                    'pattern': '^[A-Z]{2}[0-9]{2}-[0-9]{3,}-L[0-9]{2,}$',
                },
            ],
        },
        {'id': 'DV24', 'checks': said},
        {
            'id': 'DV25',
            'when': {'is_dlm': true},
            'checks': [
                {'kind': 'in_set', 'column': 'ct_verdict', 'values': ['not_visible']},
                {'kind': 'in_set', 'column': 'is_operated', 'values': [true]},
                {'kind': 'in_set', 'column': 'is_baseline_lesion', 'values': [true]},
            ],
        },
        {
            'id': 'DV26',
            'when': {'is_confirmed_dlm': true},
            'checks': [
                {'kind': 'in_set', 'column': 'is_dlm', 'values': [true]},
                {'kind': 'in_set', 'column': 'mri_verdict', 'values': ['not_visible']},
            ],
        },
        {
            'id': 'DV27',
            'applies': 'mri_group is not null',
            'checks': [
                {
                    'kind': 'pair_in_set', 'columns': ['mri_group', 'mri_verdict'],
                    'pairs': [
                        ['confirmed', 'not_visible'], ['mri_visible', 'visible'],
                        ['mri_unknown', 'not_evaluable'], ['mri_unknown', 'not_done'],
                        ['mri_unknown', 'missing'],
                    ],
                },
            ],
        },
        {
            'id': 'DV28',
            'checks': [
                {'kind': 'between', 'column': 'ct_days_before_surgery', 'min': 0},
                {'kind': 'between', 'column': 'mri_days_before_surgery', 'min': 0},
            ],
        },
        {
            'id': 'DV29',
            'checks': [
                {'kind': 'not_null', 'column': 'reference_verdict'},
                {
                    'kind': 'pair_in_set', 'columns': ['reference_reason', 'reference_verdict'],
                    'pairs': [
                        ['viable_cells', 'viable'], ['no_viable_cells', 'nonviable'],
                        ['regrowth_at_spot', 'viable'], ['no_regrowth_by_limit', 'nonviable'],
                        ['specimen_not_found', 'indeterminate'],
                        ['pathology_not_evaluable', 'indeterminate'],
                        ['no_pathology', 'indeterminate'], ['followup_short', 'indeterminate'],
                        ['died_before_limit', 'indeterminate'],
                        ['regrowth_date_uncertain', 'indeterminate'],
                        ['regrowth_lesion_unknown', 'indeterminate'],
                        ['resected_later_no_pathology', 'indeterminate'],
                        ['ablated_no_specimen', 'indeterminate'],
                        ['no_disposition', 'indeterminate'], ['no_surgery', 'indeterminate'],
                    ],
                },
            ],
        },
        {
            'id': 'DV30',
            'when': {'reference_standard': 'none'},
            'checks': [
                {'kind': 'in_set', 'column': 'reference_verdict', 'values': ['indeterminate']},
            ],
        },
        {
            'id': 'DV31',
            'when': {'reference_standard': 'imaging_followup'},
            'checks': [{'kind': 'in_set', 'column': 'disposition', 'values': ['left_in_place']}],
        },
        {
            'id': 'DV32',
            'when': {'is_evaluable': false},
            'checks': [{'kind': 'not_null', 'column': 'not_evaluable_reason'}],
        },
        {
            'id': 'DV33',
            'when': {'is_evaluable': true},
            'checks': [
                {'kind': 'null', 'column': 'not_evaluable_reason'},
                {
                    'kind': 'in_set', 'column': 'reference_verdict',
                    'values': ['viable', 'nonviable'],
                },
            ],
        },
        {
            'id': 'DV34',
            'when': {'is_dlm': true},
            'checks': [
                {'kind': 'not_in_set', 'column': 'mri_group', 'values': ['mri_unknown']},
            ],
        },
        {
            'id': 'DV35',
            'when': {'disposition': 'resected'},
            'checks': [
                {
                    'kind': 'not_in_set', 'column': 'reference_reason',
                    'values': ['specimen_not_found', 'no_pathology'],
                },
            ],
        },
        {
            'id': 'DV36',
            'when': {'disposition': 'left_in_place'},
            'checks': [
                {
                    'kind': 'not_in_set', 'column': 'reference_reason',
                    'values': ['followup_short'],
                },
            ],
        },
        {
            'id': 'DV37',
            'checks': [{'kind': 'between', 'column': 'days_to_regrowth', 'min': 0}],
        },
    ]) }}
{%- endmacro %}


{% macro fct_read_rules() -%}
    {{ return([
        {'id': 'DV38', 'checks': [{'kind': 'unique', 'columns': ['read_key']}]},
        {
            'id': 'RD19',
            'when': {'is_accepted': true},
            'checks': [{'kind': 'unique', 'columns': ['lesion_id', 'modality', 'timepoint']}],
        },
        {
            'id': 'DV39',
            'checks': [
                {
                    'kind': 'in_set', 'column': 'modality',
                    'values': ['CT', 'MRI', 'IOUS', 'CEIOUS'],
                },
                {
                    'kind': 'in_set', 'column': 'timepoint',
                    'values': ['baseline', 'preop', 'intraop', 'followup'],
                },
            ],
        },
        {
            'id': 'DV40',
            'when': {'read_status': ['not_done', 'missing']},
            'checks': [{'kind': 'null', 'column': 'verdict'}],
        },
        {
            'id': 'DV41',
            'when': {'read_status': 'done'},
            'checks': [{'kind': 'not_null', 'column': 'verdict'}],
        },
        {
            'id': 'DV42',
            'when': {'is_accepted': false},
            'checks': [{'kind': 'not_null', 'column': 'not_accepted_reason'}],
        },
        {
            'id': 'DV43',
            'when': {'is_accepted': true},
            'checks': [
                {'kind': 'null', 'column': 'not_accepted_reason'},
                {'kind': 'in_set', 'column': 'is_in_window', 'values': [true]},
            ],
        },
    ]) }}
{%- endmacro %}


{% macro fct_surgery_rules() -%}
    {{ return([
        {'id': 'DV44', 'checks': [{'kind': 'unique', 'columns': ['patient_id', 'stage']}]},
        {
            'id': 'DV45',
            'when': {'is_day_zero': true},
            'checks': [{'kind': 'unique', 'columns': ['patient_id']}],
        },
        {
            'id': 'DV46',
            'when': {'is_performed': true},
            'checks': [{'kind': 'not_null', 'column': 'surgery_date'}],
        },
    ]) }}
{%- endmacro %}


{% macro fct_followup_rules() -%}
    {{ return([
        {'id': 'DV47', 'checks': [{'kind': 'unique', 'columns': ['patient_id', 'visit_no']}]},
        {
            'id': 'DV48',
            'when': {'recurrence_date': 'not null'},
            'checks': [{'kind': 'in_set', 'column': 'has_recurrence', 'values': [true]}],
        },
        {
            'id': 'DV49',
            'checks': [
                {'kind': 'in_set', 'column': 'vital_status', 'values': ['alive', 'dead']},
            ],
        },
    ]) }}
{%- endmacro %}
