{#-
Rules of files (catalogue table `delivery`, and those of `all` that a file tells). The strict
loader refuses a file that cannot be trusted before any value of it is kept, so most of these state
of the files in force that they passed the gate; they fail when a file got past it.
-#}

{#-
A rule violated by what the loader said, under any of these codes. `counts`: how much a file adds to
what is checked. Of most a file is told once; any record may be a header or a footer (DL10).
-#}
{% macro said_rule(rule_id, codes, counts='1') -%}
    {{ return({
        'id': rule_id,
        'violated': "kind in ('quarantine', 'warning') and code in (" ~ sql_literals(codes) ~ ')',
        'evidence': ['code', 'column_name'],
        'counts': "case when kind = 'file' then " ~ counts ~ ' else 0 end',
    }) }}
{%- endmacro %}


{% macro delivery_rules() -%}
    {%- set of_file = "kind = 'file'" -%}
    {%- set rules = [
        said_rule('DL01', ['missing_file', 'not_in_manifest', 'two_files', 'unknown_file']),
        {
            'id': 'DL02',
            'violated': "(kind = 'file' and other_names is not null)"
                ~ " or (kind in ('quarantine', 'warning')"
                ~ " and code in ('hash_differs', 'same_content'))",
            'evidence': ['code', 'other_names'],
            'counts': "case when kind = 'file' then 1 else 0 end",
        },
        {
            'id': 'DL03',
            'violated': "(kind = 'file' and records_in = 0 and n_sibling_records > 0"
                ~ " and form in ('registration', 'lesion', 'read'))"
                ~ " or (kind = 'change' and code = 'shrunk' and n_now = 0)",
            'evidence': ['records_in', 'n_sibling_records', 'n_before'],
            'counts': "case when kind = 'file' then 1 else 0 end",
        },
        said_rule('DL04', ['undecodable', 'replacement_character', 'nul_byte']),
        said_rule('DL05', ['missing_column', 'unknown_column', 'duplicate_column', 'no_header']),
        said_rule('DL06', ['column_order']),
        {
            'id': 'DL07',
            'violated': "kind = 'quarantine' and code <> 'second_header'",
            'evidence': ['code', 'column_name'],
            'counts': "case when kind = 'file' then records_in else 0 end",
        },
        said_rule('DL08', ['open_quote']),
        said_rule('DL09', ['cut_short', 'damaged_gzip', 'rows_differ']),
        said_rule(
            'DL10', ['mixed_newlines', 'preamble', 'footer', 'second_header'], 'records_in + 1'
        ),
        said_rule('DL11', ['compression_ratio', 'too_large', 'line_too_long']),
        {
            'id': 'DL12',
            'violated': "kind = 'change' and code = 'shrunk'",
            'evidence': ['n_before', 'n_now'],
            'counts': "case when kind = 'file' then 1 else 0 end",
        },
        {
            'id': 'DL13',
            'applies': of_file,
            'violated': 'records_in <> loaded + quarantined + exact_duplicates',
            'evidence': ['records_in', 'loaded', 'quarantined', 'exact_duplicates'],
        },
        said_rule('DL14', ['private_data']),
        {
            'id': 'DL15',
            'applies': of_file,
            'violated': 'newest_received_at is not null or n_foreign_records > 0',
            'evidence': ['received_at', 'newest_received_at', 'n_foreign_records'],
        },
        {
            'id': 'DL16',
            'violated': "kind = 'change' and code = 'dated_earlier'",
            'evidence': ['code'],
            'counts': "case when kind = 'file' then 1 else 0 end",
        },
        {
            'id': 'GN04',
            'applies': of_file,
            'violated': 'exact_duplicates > 0 or retyped_copies > 0',
            'evidence': ['exact_duplicates', 'retyped_copies'],
        },
    ] -%}
    {{ return(rules) }}
{%- endmacro %}


{#- Rules of records that an earlier delivery had. -#}
{% macro change_rules() -%}
    {%- set unless_any = 'no earlier delivery to compare with' -%}
    {{ return([
        {
            'id': 'GN14',
            'violated': "rule_id = 'GN14' and not is_back",
            'evidence': ['record_key', 'delivery_id'],
            'counts': 'n_records',
            'unless_any': unless_any,
        },
        {
            'id': 'GN16',
            'violated': "rule_id = 'GN16' and not is_back",
            'evidence': ['record_key', 'new_record_key'],
            'counts': 'n_records',
            'unless_any': unless_any,
        },
    ]) }}
{%- endmacro %}
