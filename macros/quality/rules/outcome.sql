{#- Rules of the outcome form (catalogue table `followup`): one record per patient. -#}
{% macro outcome_rules() -%}
    {{ return([
        {
            'id': 'FU02',
            'violated': "(vital_status = 'dead' and death_date is null)"
                ~ " or (coalesce(vital_status, 'alive') = 'alive' and death_date is not null)",
            'evidence': ['vital_status', 'death_date'],
            'column': 'vital_status',
            'needs': ['followup', 'outcome'],
        },
        {
            'id': 'FU03',
            'applies': 'death_date is not null',
            'violated': 'has_two_death_dates',
            'evidence': ['death_dates'],
            'column': 'death_date',
        },
        {
            'id': 'FU04',
            'applies': 'death_date is not null',
            'violated': 'last_contact_date_lower > death_date_upper',
            'evidence': ['last_contact_date', 'death_date'],
            'column': 'last_contact_date',
            'needs': ['followup', 'outcome'],
        },
        {
            'id': 'FU09',
            'applies': "death_date is null and last_contact_date is not null and not is_withdrawn",
            'violated': days_between('last_contact_date_upper', 'data_cut')
                ~ ' > ' ~ var('quality').last_contact_days,
            'evidence': ['last_contact_date', 'data_cut'],
            'column': 'last_contact_date',
            'needs': ['outcome'],
        },
        {
            'id': 'FU18',
            'checks': [{'kind': 'not_null', 'column': 'last_contact_date'}],
        },
        {
            'id': 'FU19',
            'violated': 'lacks_patient',
            'evidence': ['patient_id'],
            'column': 'patient_id',
            'needs': ['outcome', 'registration'],
        },
        {
            'id': 'FU20',
            'applies': 'last_contact_date is not null and last_surgery_date_lower is not null',
            'violated': 'last_contact_date_upper < last_surgery_date_lower',
            'evidence': ['last_contact_date', 'last_surgery_date_lower'],
            'column': 'last_contact_date',
            'needs': ['outcome', 'surgery'],
        },
    ]) }}
{%- endmacro %}
