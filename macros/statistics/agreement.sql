{#-
    Cohen's kappa of a two-by-two table (Educ. Psychol. Meas. 1960;20:37-46); null without pairs, or where
    both raters gave one and the same verdict throughout, for then chance alone explains all.
-#}
{% macro cohen_kappa(both_yes, first_only, second_only, both_no) -%}
    {%- set n = '(' ~ both_yes ~ ' + ' ~ first_only ~ ' + ' ~ second_only ~ ' + ' ~ both_no ~ ')' -%}
    {%- set by_chance = '(cast(' ~ both_yes ~ ' + ' ~ first_only ~ ' as double) * (' ~ both_yes ~ ' + '
        ~ second_only ~ ') + cast(' ~ both_no ~ ' + ' ~ first_only ~ ' as double) * (' ~ both_no ~ ' + '
        ~ second_only ~ '))' -%}
    (cast({{ both_yes }} + {{ both_no }} as double) * {{ n }} - {{ by_chance }})
    / nullif(cast({{ n }} as double) * {{ n }} - {{ by_chance }}, 0)
{%- endmacro %}
