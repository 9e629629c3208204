{#- Rules of the surgery form (catalogue table `surgery`): one record per operation stage. -#}
{% macro surgery_rules() -%}
    {%- set limits = var('quality') -%}
    {{ return([
        {
            'id': 'SU01',
            'violated': 'lacks_patient',
            'evidence': ['patient_id', 'stage'],
            'column': 'patient_id',
            'needs': ['surgery', 'registration'],
        },
        {
            'id': 'SU02',
            'when': {'performed': 'yes'},
            'checks': [{'kind': 'not_null', 'column': 'surgery_date'}],
        },
        {
            'id': 'SU03',
            'applies': "performed = 'yes' and surgery_date = first_surgery_date",
            'violated': 'surgery_date_upper < consent_date_lower'
                ~ ' or surgery_date_upper < chemo_end_date_lower',
            'evidence': ['surgery_date', 'consent_date_lower', 'chemo_end_date_lower'],
            'column': 'surgery_date',
            'needs': ['surgery', 'registration'],
        },
        {
            'id': 'SU04',
            'applies': 'surgery_date is not null and death_date is not null',
            'violated': 'death_date_upper < surgery_date_lower',
            'evidence': ['surgery_date', 'death_date'],
            'column': 'surgery_date',
            'needs': ['surgery', 'outcome'],
        },
        {
            'id': 'SU08',
            'applies': "performed = 'yes' and segments_removed is not null",
            'violated': 'lesions_outside is not null',
            'evidence': ['segments_removed', 'lesions_outside'],
            'column': 'segments_removed',
            'needs': ['surgery', 'disposition', 'lesion'],
        },
        {
            'id': 'SU09',
            'applies': "performed = 'yes' and surgery_date is not null",
            'violated': 'other_stage_at_odds is not null',
            'evidence': ['stage', 'surgery_date', 'other_stage_at_odds'],
            'column': 'surgery_date',
        },
        {
            'id': 'SU11',
            'applies': 'duration_min is not null or blood_loss_ml is not null',
            'checks': [
                {
                    'kind': 'between', 'column': 'duration_min',
                    'min': limits.duration_min_min, 'max': limits.duration_max_min,
                },
                {
                    'kind': 'between', 'column': 'blood_loss_ml',
                    'min': 0, 'max': limits.blood_loss_max_ml,
                },
            ],
        },
        {
            'id': 'SU12',
            'applies': "performed = 'yes'",
            'violated': 'stage > planned_stages',
            'evidence': ['stage', 'planned_stages'],
            'column': 'stage',
        },
        {
            'id': 'SU13',
            'when': {'performed': 'yes'},
            'checks': [{'kind': 'not_null', 'column': 'r_status'}],
        },
        {
            'id': 'SU14',
            'checks': [
                {
                    'kind': 'between', 'column': 'stage',
                    'min': 1, 'max': limits.stages_max,
                },
            ],
        },
        {
            'id': 'SU15',
            'checks': [{'kind': 'not_null', 'column': 'performed'}],
        },
    ]) }}
{%- endmacro %}


{#- Whether a Couinaud segment is among those removed, both as "5+6"; 4 holds 4a and 4b. -#}
{% macro segment_is_removed(part, removed) -%}
    instr('+' || {{ removed }} || '+', '+' || {{ part }} || '+') > 0
    or (
        {{ part }} in ('4a', '4b')
        and instr('+' || {{ removed }} || '+', '+4+') > 0
    )
    or (
        {{ part }} = '4'
        and (
            instr('+' || {{ removed }} || '+', '+4a+') > 0
            or instr('+' || {{ removed }} || '+', '+4b+') > 0
        )
    )
{%- endmacro %}
