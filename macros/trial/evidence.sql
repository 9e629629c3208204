{#- What an adjudication is decided on, as text: who said what. One wording, for it is compared. -#}

{#- Aggregate: what the readers of an exam said. -#}
{% macro read_evidence(relation='') -%}
    {{ sorted_texts(
        'coalesce(' ~ relation ~ "reader_id, '?') || '=' || " ~ relation ~ 'verdict'
    ) }}
{%- endmacro %}

{#- Aggregate: what the specimens of a lesion showed. -#}
{% macro specimen_evidence(relation='') -%}
    {{ sorted_texts(
        'coalesce(' ~ relation ~ "specimen_id, '?') || '=' || " ~ relation ~ 'specimen_result'
    ) }}
{%- endmacro %}

{#- What one specimen showed (rule 2). -#}
{% macro specimen_result() -%}
    case
        when specimen_found = 'no' then 'specimen_not_found'
        when viable_cells = 'yes' then 'viable_cells'
        when viable_cells = 'no' then 'no_viable_cells'
        else 'pathology_not_evaluable'
    end
{%- endmacro %}
