{#-
Rules of what was derived (catalogue table `derived`), and of whole sites. A broken derivation is
our defect; it blocks as a wrong record does.
-#}
{% macro result_rules() -%}
    {{ return([
        {
            'id': 'DV01',
            'applies': "kind = 'patient'",
            'violated': 'n_rows <> 1 or not is_enrolled',
            'evidence': ['is_enrolled', 'n_rows'],
        },
        {
            'id': 'DV02',
            'applies': "kind = 'time'",
            'violated': 'aval is null or startdt is null or adt is null or aval < 0'
                ~ ' or aval <> ' ~ days_between('startdt', 'adt')
                ~ ' or coalesce(cnsr, -1) not in (0, 1) or n_rows > 1',
            'evidence': ['startdt', 'adt', 'aval', 'cnsr', 'n_rows'],
        },
        {
            'id': 'DV03',
            'applies': "kind = 'lesion'",
            'violated': 'n_rows <> 1 or n_verdicts <> 1 or reference_reason is null',
            'evidence': ['n_rows', 'n_verdicts', 'reference_reason'],
        },
        {
            'id': 'DV04',
            'applies': "kind = 'time' and paramcd = 'RFS' and os_adt is not null",
            'violated': '(cnsr = 0 and adt > os_adt)'
                ~ " or (cnsr = 0 and os_cnsr = 1 and evntdesc like 'death%')",
            'evidence': ['adt', 'cnsr', 'evntdesc', 'os_adt', 'os_cnsr'],
        },
        {
            'id': 'DV05',
            'applies': "kind = 'test'",
            'violated': 'n_in_cells <> n_eligible',
            'evidence': ['n_in_cells', 'n_eligible'],
        },
        {
            'id': 'DV06',
            'applies': "kind = 'number'",
            'violated': 'has_same_inputs and abs(number_value - number_before) > '
                ~ var('quality').headline_change ~ ' * abs(number_before)',
            'evidence': ['number_before', 'number_value'],
            'unless_any': 'no earlier build to compare with',
        },
        {
            'id': 'GN15',
            'applies': "kind = 'locked'",
            'violated': "coalesce(value_now, '') <> coalesce(value_before, '')",
            'evidence': ['value_before', 'value_now'],
            'unless_any': 'no data cut is locked',
        },
        {
            'id': 'DV50',
            'applies': "kind = 'table'",
            'violated': 'n_rows = 0',
            'evidence': ['n_rows'],
        },
        {
            'id': 'DV51',
            'applies': "kind = 'rule'",
            'violated': 'n_rows = 0',
            'evidence': ['n_rows'],
        },
        {
            'id': 'FU10',
            'applies': "kind = 'time' and cnsr = 1",
            'violated': "(paramcd = 'RFS' and adt > coalesce(last_imaging_date, startdt)"
                ~ ' and adt > startdt)'
                ~ (' or adt > ' ~ cutoff_date() if cutoff_date() else ''),
            'evidence': ['paramcd', 'startdt', 'adt', 'last_imaging_date'],
        },
    ]) }}
{%- endmacro %}


{% macro site_rules() -%}
    {%- set limits = var('quality') -%}
    {{ return([
        {
            'id': 'DV07',
            'applies': "watched in ('lesions_disappeared', 'reference_indeterminate',"
                ~ " 'reads_not_evaluable')",
            'violated': 'upper_tail < ' ~ limits.funnel_tail ~ ' or lower_tail < '
                ~ limits.funnel_tail,
            'evidence': ['watched', 'n_found', 'n_looked_at', 'trial_share'],
        },
        {
            'id': 'RD24',
            'applies': "watched = 'sizes_in_fives' and n_looked_at >= " ~ limits.digit_sizes_min,
            'violated': 'share > ' ~ limits.digit_share_max,
            'evidence': ['n_found', 'n_looked_at', 'share'],
            'column': 'size_mm',
        },
        {
            'id': 'LE14',
            'applies': "watched = 'baseline_size'",
            'violated': limits.site_size_ratio ~ ' * median_size_mm < trial_median_size_mm',
            'evidence': ['n_looked_at', 'median_size_mm', 'trial_median_size_mm'],
            'column': 'baseline_size_mm',
        },
    ]) }}
{%- endmacro %}
