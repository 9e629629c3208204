{#- Rules of the follow-up form (catalogue table `followup`): one record per visit and finding. -#}
{% macro followup_rules() -%}
    {{ return([
        {
            'id': 'FU01',
            'violated': 'lacks_patient or visit_date_upper < first_surgery_date_lower',
            'evidence': ['patient_id', 'visit_date', 'first_surgery_date'],
            'column': 'patient_id',
            'needs': ['followup', 'registration'],
        },
        {
            'id': 'FU02',
            'violated': "visit_date_lower > death_date_upper"
                ~ " or (vital_status = 'dead' and death_date is null)",
            'evidence': ['visit_date', 'vital_status', 'death_date'],
            'column': 'visit_date',
            'needs': ['followup', 'outcome'],
        },
        {
            'id': 'FU04',
            'applies': 'death_date is not null',
            'violated': 'visit_date_lower > death_date_upper'
                ~ ' or imaging_date_lower > death_date_upper'
                ~ ' or recurrence_date_lower > death_date_upper'
                ~ ' or later_treatment_date_lower > death_date_upper',
            'evidence': [
                'visit_date', 'imaging_date', 'recurrence_date', 'later_treatment_date',
                'death_date',
            ],
            'column': 'visit_date',
            'needs': ['followup', 'outcome'],
        },
        {
            'id': 'FU06',
            'when': {'recurrence': 'yes', 'recurrence_place': 'at_spot'},
            'applies': 'lesion_no is not null',
            'violated': 'not was_left_or_ablated',
            'evidence': ['lesion_id', 'recurrence_place', 'was_left_or_ablated'],
            'column': 'lesion_no',
            'needs': ['followup', 'disposition'],
        },
        {
            'id': 'FU07',
            'applies': "recurrence = 'yes' and recurrence_date is not null",
            'violated': 'recurrence_date_upper < first_surgery_date_lower'
                ~ ' or recurrence_date_lower > last_imaging_date_upper',
            'evidence': ['recurrence_date', 'first_surgery_date', 'last_imaging_date'],
            'column': 'recurrence_date',
        },
        {
            'id': 'FU08',
            'when': {'recurrence': 'yes'},
            'applies': 'lesion_no is not null',
            'violated': 'has_two_places',
            'evidence': ['lesion_id', 'recurrence_date', 'recurrence_place'],
            'column': 'recurrence_place',
        },
        {
            'id': 'FU09',
            'applies': 'previous_visit_date is not null and visit_interval_days is not null',
            'violated': days_between('previous_visit_date_upper', 'visit_date_lower')
                ~ ' > ' ~ var('quality').visit_gap_factor ~ ' * visit_interval_days',
            'evidence': ['previous_visit_date', 'visit_date', 'visit_interval_days'],
            'column': 'visit_date',
        },
        {
            'id': 'FU11',
            'checks': [{'kind': 'not_null', 'column': 'visit_date'}],
        },
        {
            'id': 'FU12',
            'when': {'recurrence': 'yes'},
            'checks': [{'kind': 'not_null', 'column': 'recurrence_date'}],
        },
        {
            'id': 'FU13',
            'when': {'recurrence': 'no'},
            'checks': [{'kind': 'null', 'column': 'recurrence_date'}],
        },
        {
            'id': 'FU14',
            'when': {'recurrence_place': 'at_spot'},
            'checks': [{'kind': 'not_null', 'column': 'lesion_no'}],
        },
        {
            'id': 'FU15',
            'when': {'later_treatment': ['resected', 'ablated']},
            'checks': [{'kind': 'not_null', 'column': 'later_treatment_date'}],
        },
        {
            'id': 'FU16',
            'applies': 'visit_date is not null and imaging_date is not null',
            'checks': [
                {
                    'kind': 'not_before', 'later': 'visit_date_upper',
                    'earlier': 'imaging_date_lower',
                },
            ],
            'column': 'imaging_date',
        },
        {
            'id': 'FU17',
            'checks': [{'kind': 'not_null', 'column': 'vital_status'}],
        },
    ]) }}
{%- endmacro %}
