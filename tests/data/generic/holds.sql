{#- Every condition holds on every row; a row is returned for each condition it breaks. Null breaks none. -#}
{% test holds(model, conditions) %}
    {% for condition in conditions %}
    select
        '{{ condition | replace("'", "''") }}' as broken_condition,
        checked.*
    from {{ model }} as checked
    where not ({{ condition }})
    {% if not loop.last %}union all{% endif %}
    {% endfor %}
{% endtest %}
