{#-
    The populations of lesions whose share nonviable the trial reports, in the order in which it reports them:
    name, which lesions belong, and which of those are evaluable (one definition for all; contrast-enhanced
    ultrasound adds its own condition). Only baseline lesions are ever members.
-#}
{% macro concordance_populations() -%}
    {{ return([
        ('ct', 'is_dlm', 'is_evaluable'),
        ('ct_mri', 'is_confirmed_dlm', 'is_evaluable'),
        ('ct_gone_mri_visible', "mri_group = 'mri_visible'", 'is_evaluable'),
        ('ct_gone_mri_unknown', "mri_group = 'mri_unknown'", 'is_evaluable'),
        (
            'ct_mri_ceious',
            "is_confirmed_dlm and ceious_verdict = 'not_visible'",
            'is_evaluable_ceious',
        ),
    ]) }}
{%- endmacro %}

{#- What concordance is broken down by, in the order of the table; `overall` is the undivided row. -#}
{% macro concordance_strata() -%}
    {{ return([
        'overall', 'region', 'data_centre', 'disposition', 'size_band', 'lesions_per_patient',
    ]) }}
{%- endmacro %}

{#-
    What is counted of a patient's lesions: name of the analysis, units m, and how many of them are nonviable x.
    Lesions that are not evaluable are all taken for viable, or all for nonviable, to bound what they could
    change; once whatever is known of them, once with the truths that are known where only imaging failed. Of a
    patient, whether every lesion is nonviable: of the evaluable ones, or of all where that is known.
-#}
{% macro concordance_analyses() -%}
    {{ return([
        ('evaluable', 'n_evaluable', 'n_nonviable'),
        ('all_unknown_lowest', 'n_lesions', 'n_nonviable'),
        ('all_unknown_highest', 'n_lesions', 'n_nonviable + n_lesions - n_evaluable'),
        ('known_truth_lowest', 'n_lesions', 'n_nonviable + n_known_nonviable'),
        (
            'known_truth_highest',
            'n_lesions',
            'n_nonviable + n_lesions - n_evaluable - n_known_viable',
        ),
        (
            'patient_evaluable',
            'case when n_evaluable > 0 then 1 else 0 end',
            'case when n_evaluable > 0 and n_nonviable = n_evaluable then 1 else 0 end',
        ),
        (
            'patient_all_lesions',
            'case when n_nonviable < n_evaluable or n_evaluable = n_lesions then 1 else 0 end',
            'case when n_nonviable = n_lesions then 1 else 0 end',
        ),
    ]) }}
{%- endmacro %}

{#- The steps of the flow, first to last. -#}
{% macro flow_steps() -%}
    {{ return(['registered', 'operated', 'dlm', 'confirmed_dlm', 'evaluable_confirmed_dlm']) }}
{%- endmacro %}
