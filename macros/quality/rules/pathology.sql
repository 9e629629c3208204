{#- Rules of the pathology form (catalogue table `pathology`). -#}
{% macro pathology_rules() -%}
    {%- set limits = var('quality') -%}
    {%- set shares = 'viable_pct + necrosis_pct + fibrosis_pct + mucin_pct' -%}
    {{ return([
        {
            'id': 'PA01',
            'violated': 'lacks_patient or lacks_lesion or not was_operated_on',
            'evidence': ['lesion_id', 'specimen_id', 'lacks_lesion', 'was_operated_on'],
            'column': 'lesion_no',
            'needs': ['pathology', 'lesion', 'disposition'],
        },
        {
            'id': 'PA02',
            'applies': 'pathology_date is not null and removal_date is not null',
            'violated': 'pathology_date_upper < removal_date_lower'
                ~ ' or pathology_date_lower > '
                ~ days_after('removal_date_upper', limits.pathology_days),
            'evidence': ['pathology_date', 'removal_date'],
            'column': 'pathology_date',
            'needs': ['pathology', 'surgery', 'disposition'],
        },
        {
            'id': 'PA03',
            'checks': [{'kind': 'not_null', 'column': 'viable_cells'}],
        },
        {
            'id': 'PA04',
            'applies': "viable_cells in ('yes', 'no') and viable_pct is not null",
            'violated': "(viable_cells = 'no' and viable_pct > 0)"
                ~ " or (viable_cells = 'yes' and viable_pct <= 0)",
            'evidence': ['viable_cells', 'viable_pct'],
            'column': 'viable_pct',
        },
        {
            'id': 'PA05',
            'applies': 'trg is not null',
            'violated': 'trg < 1 or trg > 5'
                ~ " or (trg = 1 and viable_cells = 'yes') or (trg > 1 and viable_cells = 'no')",
            'evidence': ['trg', 'viable_cells'],
            'column': 'trg',
        },
        {
            'id': 'PA06',
            'applies': shares ~ ' is not null',
            'violated': 'abs(' ~ shares ~ ' - 100) > ' ~ limits.share_tolerance,
            'evidence': ['viable_pct', 'necrosis_pct', 'fibrosis_pct', 'mucin_pct'],
            'column': 'necrosis_pct',
        },
        {
            'id': 'PA07',
            'applies': "viable_cells in ('yes', 'no') and coalesce(specimen_found, 'yes') <> 'no'",
            'violated': 'has_opposed_specimens',
            'evidence': ['specimen_id', 'viable_cells'],
            'column': 'viable_cells',
        },
        {
            'id': 'PA08',
            'applies': 'path_size_mm is not null',
            'violated': '(last_size_mm > 0 and path_size_mm > ' ~ limits.path_size_ratio
                ~ ' * last_size_mm)'
                ~ " or (viable_cells = 'no' and path_size_mm > 0)",
            'evidence': ['path_size_mm', 'last_size_mm', 'viable_cells'],
            'column': 'path_size_mm',
            'needs': ['pathology', 'read'],
        },
        {
            'id': 'PA09',
            'when': {'specimen_found': 'no'},
            'checks': [
                {'kind': 'not_in_set', 'column': 'viable_cells', 'values': ['yes', 'no']},
            ],
            'evidence': ['specimen_found', 'viable_cells'],
        },
        {
            'id': 'PA10',
            'checks': [{'kind': 'not_null', 'column': 'pathology_date'}],
        },
        {
            'id': 'PA11',
            'checks': [
                {'kind': 'between', 'column': 'viable_pct', 'min': 0, 'max': 100},
                {'kind': 'between', 'column': 'necrosis_pct', 'min': 0, 'max': 100},
                {'kind': 'between', 'column': 'fibrosis_pct', 'min': 0, 'max': 100},
                {'kind': 'between', 'column': 'mucin_pct', 'min': 0, 'max': 100},
            ],
        },
        {
            'id': 'PA12',
            'checks': [{'kind': 'not_null', 'column': 'specimen_found'}],
        },
    ]) }}
{%- endmacro %}
