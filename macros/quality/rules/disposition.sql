{#- Rules of the disposition form, what a stage did to a lesion (catalogue table `surgery`). -#}
{% macro disposition_rules() -%}
    {{ return([
        {
            'id': 'SU06',
            'when': {'action': 'resected'},
            'applies': 'not lacks_lesion and is_performed',
            'violated': 'n_specimens_in_time = 0',
            'evidence': ['action', 'surgery_date', 'specimen_id', 'n_specimens_in_time'],
            'column': 'specimen_id',
            'needs': ['disposition', 'pathology'],
        },
        {
            'id': 'SU07',
            'when': {'action': 'left_in_place'},
            'violated': 'n_specimens > 0 and not was_operated_since',
            'evidence': ['action', 'n_specimens'],
            'column': 'action',
            'needs': ['disposition', 'pathology'],
        },
        {
            'id': 'SU10',
            'when': {'action': 'resected'},
            'applies': "ious_verdict = 'not_visible'",
            'violated': 'action_reason is null',
            'evidence': ['action', 'ious_verdict', 'action_reason'],
            'column': 'action_reason',
            'needs': ['disposition', 'read'],
        },
        {
            'id': 'SU16',
            'violated': 'lacks_patient or lacks_lesion or lacks_stage',
            'evidence': ['lesion_id', 'stage', 'lacks_patient', 'lacks_lesion', 'lacks_stage'],
            'column': 'lesion_no',
            'needs': ['disposition', 'lesion', 'surgery', 'registration'],
        },
        {
            'id': 'SU17',
            'checks': [{'kind': 'not_null', 'column': 'action'}],
        },
        {
            'id': 'SU18',
            'when': {'action': 'resected'},
            'checks': [{'kind': 'not_null', 'column': 'specimen_id'}],
        },
        {
            'id': 'SU19',
            'when': {'action': 'left_in_place'},
            'checks': [{'kind': 'null', 'column': 'specimen_id'}],
        },
        {
            'id': 'SU20',
            'when': {'action': ['left_in_place', 'ablated']},
            'applies': 'is_performed',
            'violated': 'resected_at_stage < stage',
            'evidence': ['action', 'stage', 'resected_at_stage'],
            'column': 'action',
            'needs': ['disposition', 'surgery'],
        },
    ]) }}
{%- endmacro %}
