{#- What the history of queries hangs on. -#}

{#-
Whether a rule has looked at a record it was broken by: it ran at the site, or it applied to none of
the records there though this one is (`is_record_there`, as SQL).
-#}
{% macro looked_at(status, is_record_there) -%}
    (
        {{ status }} in ('pass', 'pass_with_rows', 'warn', 'fail')
        or ({{ status }} = 'not_applicable' and {{ is_record_there }})
    )
{%- endmacro %}
