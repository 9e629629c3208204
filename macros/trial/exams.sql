{#-
    What the reads of the latest exam of a group bear, found by one maximum: the day and a number packed into one whole
    number, the day first. A second pass, to keep the reads of the latest day, would take as long as the first. Numbers
    are whole, from 0 to 2147483647.
-#}

{#- Aggregate: the greatest number of the latest day. -#}
{% macro greatest_of_latest_day(day, number) -%}
    mod(max(cast({{ days_between("date '0001-01-01'", day) }} as bigint) * 2147483648 + {{ number }}), 2147483648)
{%- endmacro %}

{#- Aggregate: the least number of the latest day. -#}
{% macro least_of_latest_day(day, number) -%}
    (2147483647 - {{ greatest_of_latest_day(day, '2147483647 - ' ~ number) }})
{%- endmacro %}


{#- Who overrules whom, 1 first; a reader of unknown role stands with the local ones. -#}
{% macro reader_rank(reader_role) -%}
    case {{ reader_role }} when 'adjudicator' then 1 when 'central' then 2 else 3 end
{%- endmacro %}
