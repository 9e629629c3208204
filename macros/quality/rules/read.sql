{#-
Rules of the read form (catalogue table `reads`); those that find a lesion rather than a read are
with the lesions. An exam that was not done is no read: most rules are about reads that were. The
5 mm of a lesion too small to measure are no measurement.
-#}
{% macro read_rules() -%}
    {%- set limits = var('quality') -%}
    {%- set done = "verdict in ('visible', 'not_visible', 'not_evaluable')" -%}
    {%- set gone_before_surgery = "is_dlm and timepoint = 'preop' and verdict = 'not_visible'"
        ~ " and ((modality = 'CT' and read_date = ct_read_date)"
        ~ " or (modality = 'MRI' and read_date = mri_read_date))" -%}
    {{ return([
        {
            'id': 'LE13',
            'applies': "modality = 'CT' and timepoint = 'baseline' and size_status = 'measured'"
                ~ ' and slice_thickness_mm is not null',
            'violated': 'size_mm < slice_thickness_mm',
            'evidence': ['size_mm', 'size_status', 'slice_thickness_mm'],
            'column': 'size_mm',
        },
        {
            'id': 'RD01',
            'violated': 'lacks_patient or lacks_lesion',
            'evidence': ['patient_id', 'lesion_id', 'lacks_patient', 'lacks_lesion'],
            'column': 'lesion_no',
            'needs': ['read', 'lesion', 'registration'],
        },
        {
            'id': 'RD02',
            'violated': 'has_two_verdicts',
            'evidence': ['record_key', 'verdict', 'size_mm'],
            'column': 'verdict',
        },
        {
            'id': 'RD03',
            'violated': 'modality is null',
            'evidence': ['modality_text'],
            'column': 'modality',
        },
        {
            'id': 'RD04',
            'violated': 'verdict is null',
            'evidence': ['verdict_text'],
            'column': 'verdict',
        },
        {
            'id': 'RD05',
            'when': {'verdict': 'not_visible'},
            'checks': [{'kind': 'between', 'column': 'size_mm', 'max': 0}],
        },
        {
            'id': 'RD06',
            'when': {'verdict': 'visible'},
            'violated': "size_mm is null and coalesce(size_status, '') <> 'too_small'",
            'evidence': ['verdict', 'size_mm', 'size_status'],
            'column': 'size_mm',
        },
        {
            'id': 'RD07',
            'when': {'verdict': 'not_evaluable'},
            'checks': [{'kind': 'not_null', 'column': 'not_evaluable_reason'}],
        },
        {
            'id': 'RD08',
            'applies': 'size_mm is not null',
            'checks': [
                {'kind': 'between', 'column': 'size_mm', 'min': 0, 'max': limits.size_max_mm},
            ],
        },
        {
            'id': 'RD09',
            'applies': "size_mm > 0 and coalesce(size_status, 'measured') <> 'too_small'"
                ~ ' and previous_size_mm > 0',
            'violated': 'size_mm > ' ~ limits.size_ratio_max ~ ' * previous_size_mm'
                ~ ' or previous_size_mm > ' ~ limits.size_ratio_max ~ ' * size_mm',
            'evidence': ['modality', 'timepoint', 'size_mm', 'previous_size_mm'],
            'column': 'size_mm',
        },
        {
            'id': 'RD10',
            'applies': 'read_date is not null',
            'violated': "(timepoint in ('preop', 'intraop', 'followup')"
                ~ ' and read_date_upper < baseline_date_lower)'
                ~ " or (timepoint = 'baseline' and read_date_lower > chemo_start_date_upper)"
                ~ " or (timepoint = 'followup' and read_date_upper < first_surgery_date_lower)",
            'evidence': ['timepoint', 'read_date', 'baseline_date', 'first_surgery_date'],
            'column': 'read_date',
        },
        {
            'id': 'RD11',
            'when': {'timepoint': 'preop'},
            'applies': 'first_surgery_date is not null and read_date is not null',
            'violated': 'read_date_lower > first_surgery_date_upper',
            'evidence': ['timepoint', 'read_date', 'first_surgery_date'],
            'column': 'read_date',
            'needs': ['read', 'surgery'],
        },
        {
            'id': 'RD12',
            'when': {'modality': ['IOUS', 'CEIOUS']},
            'applies': "read_date_precision = 'day' and has_known_surgery_days",
            'violated': 'instr(surgery_days, cast(read_date as string)) = 0',
            'evidence': ['modality', 'read_date', 'surgery_days'],
            'column': 'read_date',
            'needs': ['read', 'surgery'],
        },
        {
            'id': 'RD14',
            'applies': 'read_date is not null',
            'violated': 'read_date_lower > coalesce(death_date_upper, last_contact_date_upper)',
            'evidence': ['read_date', 'death_date', 'last_contact_date'],
            'column': 'read_date',
            'needs': ['read', 'outcome'],
        },
        {
            'id': 'RD17',
            'applies': done,
            'violated': 'reader_id is null or has_two_roles',
            'evidence': ['reader_id', 'reader_role'],
            'column': 'reader_id',
        },
        {
            'id': 'RD20',
            'applies': gone_before_surgery,
            'violated': "contrast = 'no'",
            'evidence': ['modality', 'verdict', 'contrast'],
            'column': 'contrast',
        },
        {
            'id': 'RD21',
            'applies': gone_before_surgery ~ " and modality = 'CT'",
            'violated': 'slice_thickness_mm is null or slice_thickness_mm > '
                ~ limits.ct_slice_max_mm,
            'evidence': ['modality', 'verdict', 'slice_thickness_mm'],
            'column': 'slice_thickness_mm',
        },
        {
            'id': 'RD22',
            'applies': "timepoint in ('baseline', 'preop') and read_date is not null",
            'violated': 'usual_exam_date is not null',
            'evidence': ['modality', 'timepoint', 'read_date', 'usual_exam_date'],
            'column': 'read_date',
        },
        {
            'id': 'RD25',
            'applies': done,
            'violated': "blinded = 'no' or (reader_role = 'central'"
                ~ " and timepoint in ('baseline', 'preop')"
                ~ ' and read_date_lower > first_pathology_date_upper)',
            'evidence': [
                'blinded', 'reader_role', 'timepoint', 'read_date', 'first_pathology_date_upper',
            ],
            'column': 'blinded',
        },
        {
            'id': 'RD26',
            'applies': "lesion_no is not null and verdict = 'visible' and timepoint <> 'baseline'",
            'violated': 'lacks_lesion and not lacks_patient',
            'evidence': ['lesion_id', 'timepoint', 'read_date', 'verdict'],
            'column': 'lesion_no',
            'needs': ['read', 'lesion'],
        },
        {
            'id': 'RD28',
            'applies': 'verdict is not null and size_status is not null',
            'violated': "(verdict = 'visible' and size_status = 'gone')"
                ~ " or (verdict = 'not_visible' and size_status in ('measured', 'too_small'))",
            'evidence': ['verdict', 'size_status'],
            'column': 'size_status',
        },
        {
            'id': 'RD29',
            'applies': "size_status in ('gone', 'too_small') and size_mm is not null",
            'violated': "(size_status = 'gone' and size_mm <> 0)"
                ~ " or (size_status = 'too_small' and size_mm <> 5)",
            'evidence': ['size_status', 'size_mm'],
            'column': 'size_mm',
        },
        {
            'id': 'RD30',
            'when': {'conditions_met': 'no'},
            'checks': [{'kind': 'not_null', 'column': 'conditions_reason'}],
        },
        {
            'id': 'RD31',
            'when': {
                'modality': 'CEIOUS', 'verdict': ['visible', 'not_visible', 'not_evaluable'],
            },
            'checks': [
                {'kind': 'not_null', 'column': 'contrast'},
                {'kind': 'in_set', 'column': 'contrast', 'values': ['yes']},
            ],
        },
        {
            'id': 'RD32',
            'when': {'verdict': ['visible', 'not_visible', 'not_evaluable']},
            'applies': 'misformatted_dates is null and impossible_dates is null',
            'violated': 'read_date is null',
            'evidence': ['modality', 'timepoint', 'verdict'],
            'column': 'read_date',
        },
        {
            'id': 'RD33',
            'applies': 'slice_thickness_mm is not null',
            'checks': [
                {
                    'kind': 'between', 'column': 'slice_thickness_mm',
                    'min': limits.slice_min_mm, 'max': limits.slice_max_mm,
                },
            ],
        },
        {
            'id': 'RD34',
            'applies': 'modality is not null and timepoint is not null',
            'violated': "(modality in ('IOUS', 'CEIOUS')) <> (timepoint = 'intraop')"
                ~ " and timepoint <> 'followup'",
            'evidence': ['modality', 'timepoint'],
            'column': 'timepoint',
        },
    ]) }}
{%- endmacro %}

