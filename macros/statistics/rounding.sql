{#-
    A number printed with as many decimals (0 to 3, a SQL expression) as the text it is compared with; exact
    halves go away from zero. Null where the number or the decimals are.
-#}
{% macro print_decimals(x, decimals) -%}
    case {{ decimals }}
    {%- for places in range(4) %}
        when {{ places }} then cast(cast({{ x }} as decimal(18, {{ places }})) as string)
    {%- endfor %}
    end
{%- endmacro %}
