{#-
The canonical dictionary of the trial's eight forms: what a column is called once a source's habits
are gone, how it is typed, and which code list its values come from. Staging, payload hashes and the
lists of unreadable and unmapped values are all written from it; the contracts in
python/dlm/contracts say which header of which source it is.
-#}

{#- Columns of a form, in order: name, type, and code list of a code. -#}
{% macro form_columns(form) -%}
    {%- set forms = {
        'registration': [
            ('patient_id', 'id'), ('site_id', 'id'), ('sex', 'code', 'sex'), ('age', 'integer'),
            ('consent_date', 'date'), ('registration_date', 'date'),
            ('eligible', 'code', 'yes_no'), ('withdrawal_date', 'date'),
            ('primary_site', 'code', 'primary_site'), ('primary_dx_date', 'date'),
            ('liver_mets_dx_date', 'date'), ('ras_status', 'code', 'ras_status'),
            ('synchronous', 'code', 'yes_no'), ('n_lesions_declared', 'integer'),
            ('cea', 'decimal'), ('cea_unit', 'code', 'cea_unit'), ('chemo_start_date', 'date'),
            ('chemo_end_date', 'date'), ('chemo_cycles', 'integer'),
            ('resectability', 'code', 'resectability'),
        ],
        'lesion': [
            ('patient_id', 'id'), ('lesion_no', 'integer'), ('segment', 'segments'),
            ('baseline_size', 'size'), ('baseline_date', 'date'),
            ('site_disappeared', 'code', 'yes_no'),
        ],
        'read': [
            ('patient_id', 'id'), ('lesion_no', 'integer'), ('modality', 'code', 'modality'),
            ('timepoint', 'code', 'timepoint'), ('read_date', 'date'),
            ('verdict', 'code', 'verdict'),
            ('not_evaluable_reason', 'code', 'not_evaluable_reason'), ('size', 'size'),
            ('size_status', 'code', 'size_status'), ('reader_id', 'id'),
            ('reader_role', 'code', 'reader_role'), ('blinded', 'code', 'yes_no'),
            ('conditions_met', 'code', 'yes_no'), ('conditions_reason', 'text'),
            ('contrast', 'code', 'yes_no'), ('slice_thickness_mm', 'decimal'),
        ],
        'surgery': [
            ('patient_id', 'id'), ('stage', 'integer'), ('planned_stages', 'integer'),
            ('performed', 'code', 'yes_no'), ('surgery_date', 'date'),
            ('procedure', 'code', 'procedure'), ('segments_removed', 'segments'),
            ('r_status', 'code', 'r_status'), ('duration_min', 'integer'),
            ('blood_loss_ml', 'integer'),
        ],
        'disposition': [
            ('patient_id', 'id'), ('lesion_no', 'integer'), ('stage', 'integer'),
            ('action', 'code', 'action'), ('action_reason', 'text'), ('specimen_id', 'id'),
        ],
        'pathology': [
            ('patient_id', 'id'), ('specimen_id', 'id'), ('lesion_no', 'integer'),
            ('pathology_date', 'date'), ('specimen_found', 'code', 'yes_no'),
            ('viable_cells', 'code', 'viable_cells'), ('viable_pct', 'decimal'),
            ('necrosis_pct', 'decimal'), ('fibrosis_pct', 'decimal'), ('mucin_pct', 'decimal'),
            ('path_size', 'size'), ('trg', 'integer'),
        ],
        'followup': [
            ('patient_id', 'id'), ('visit_no', 'integer'), ('visit_date', 'date'),
            ('imaging_date', 'date'), ('vital_status', 'code', 'vital_status'),
            ('recurrence', 'code', 'yes_no'), ('recurrence_date', 'date'),
            ('recurrence_place', 'code', 'recurrence_place'), ('lesion_no', 'integer'),
            ('later_treatment', 'code', 'later_treatment'), ('later_treatment_date', 'date'),
        ],
        'outcome': [
            ('patient_id', 'id'), ('last_contact_date', 'date'),
            ('vital_status', 'code', 'vital_status'), ('death_date', 'date'),
            ('death_cause', 'code', 'death_cause'),
        ],
    } -%}
    {%- set columns = [] -%}
    {%- for column in forms[form] -%}
        {%- do columns.append({
            'name': column[0],
            'type': column[1],
            'list': column[2] if column | length > 2 else none,
        }) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}


{#- What tells one record of a form from another. -#}
{% macro form_key(form) -%}
    {{ return({
        'registration': ['patient_id'],
        'lesion': ['patient_id', 'lesion_no'],
        'read': [
            'patient_id', 'lesion_no', 'modality', 'timepoint', 'read_date', 'reader_id',
        ],
        'surgery': ['patient_id', 'stage'],
        'disposition': ['patient_id', 'lesion_no', 'stage'],
        'pathology': ['patient_id', 'lesion_no', 'specimen_id'],
        'followup': ['patient_id', 'visit_no', 'lesion_no'],
        'outcome': ['patient_id'],
    }[form]) }}
{%- endmacro %}


{% macro form_names() -%}
    {{ return([
        'registration', 'lesion', 'read', 'surgery', 'disposition', 'pathology', 'followup',
        'outcome',
    ]) }}
{%- endmacro %}


{% macro source_names() -%}
    {{ return(['eortc', 'jcog', 'us']) }}
{%- endmacro %}


{#- How a source writes. ND and 未実施 in a verdict say that the exam was not done. -#}
{% macro source_habits(source) -%}
    {%- set missing = ['ND', 'NE', 'UNK', 'NA', 'NP'] -%}
    {{ return({
        'eortc': {
            'date_order': 'dmy', 'eras': false, 'excel_serials': false,
            'decimal_mark': ',', 'mm_per_size_unit': 1,
            'missing_codes': missing, 'not_done_codes': ['ND'],
        },
        'jcog': {
            'date_order': 'ymd', 'eras': true, 'excel_serials': false,
            'decimal_mark': '.', 'mm_per_size_unit': 10,
            'missing_codes': missing + ['不明', '未実施'], 'not_done_codes': ['ND', '未実施'],
        },
        'us': {
            'date_order': 'mdy', 'eras': false, 'excel_serials': false,
            'decimal_mark': '.', 'mm_per_size_unit': 10,
            'missing_codes': missing, 'not_done_codes': ['ND'],
        },
    }[source]) }}
{%- endmacro %}


{#-
Why a value is missing, by the source's word for it: Controlled Terminology of CDISC for ND, NE and UNK, HL7's null
flavours as REDCap lists them for NA and NP.
-#}
{% macro missing_reason(word) -%}
    case
        when {{ word }} in ('ND', '未実施') then 'not_done'
        when {{ word }} = 'NE' then 'not_evaluated'
        when {{ word }} in ('UNK', '不明') then 'unknown'
        when {{ word }} = 'NA' then 'not_applicable'
        when {{ word }} = 'NP' then 'not_present'
    end
{%- endmacro %}


{#- What a macro of a text and its source's habits says, where column `source` names the source. -#}
{% macro by_source(macro_name, text) -%}
    case source
        {%- for source in source_names() %}
        when '{{ source }}'
            then {{ context[macro_name](text, source_habits(source)) | indent(8) }}
        {%- endfor %}
    end
{%- endmacro %}


{#- Type or code list of a column, where columns `form` and `column_name` name it. -#}
{% macro property_of_column(property) -%}
    {%- set names = {} -%}
    {%- for form in form_names() -%}
        {%- for column in form_columns(form) if column[property] -%}
            {%- do names.setdefault(column[property], []).append(form ~ '.' ~ column.name) -%}
        {%- endfor -%}
    {%- endfor -%}
    case
        {%- for value, columns in names.items() %}
        when form || '.' || column_name in ({{ text_list(columns) }}) then '{{ value }}'
        {%- endfor %}
    end
{%- endmacro %}


{#- Name of a typed column: sizes are told in mm wherever they come from. -#}
{% macro canonical_name(column) -%}
    {{ return(column.name ~ '_mm' if column.type == 'size' else column.name) }}
{%- endmacro %}


{#- Every typed column of a form as staging names it, text as written and provenance aside. -#}
{% macro canonical_columns(form) -%}
    {%- set names = [] -%}
    {%- for column in form_columns(form) -%}
        {%- do names.append(canonical_name(column)) -%}
        {%- if column.type == 'date' -%}
            {%- for part in ['lower', 'upper', 'precision'] -%}
                {%- do names.append(column.name ~ '_' ~ part) -%}
            {%- endfor -%}
        {%- endif -%}
    {%- endfor -%}
    {{ return(names) }}
{%- endmacro %}
