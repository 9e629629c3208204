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

{#- The steps of the flow, first to last. -#}
{% macro flow_steps() -%}
    {{ return(['registered', 'operated', 'dlm', 'confirmed_dlm', 'evaluable_confirmed_dlm']) }}
{%- endmacro %}
