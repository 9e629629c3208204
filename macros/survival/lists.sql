{#- What the comparisons need of lists, which the engines spell differently. -#}

{#- Sum of an expression over the elements of a list; 0 for none. -#}
{% macro list_total(list, item, expression) -%}
    {{ adapter.dispatch('list_total', 'dlm')(list, item, expression) }}
{%- endmacro %}

{% macro duckdb__list_total(list, item, expression) -%}
    coalesce(list_sum(list_transform({{ list }}, lambda {{ item }}: {{ expression }})), 0e0)
{%- endmacro %}

{% macro spark__list_total(list, item, expression) -%}
    aggregate({{ list }}, cast(0 as double), (total_, {{ item }}) -> total_ + {{ expression }})
{%- endmacro %}

{#- The expression of every element of a list. -#}
{% macro list_map(list, item, expression) -%}
    {{ adapter.dispatch('list_map', 'dlm')(list, item, expression) }}
{%- endmacro %}

{% macro duckdb__list_map(list, item, expression) -%}
    list_transform({{ list }}, lambda {{ item }}: {{ expression }})
{%- endmacro %}

{% macro spark__list_map(list, item, expression) -%}
    transform({{ list }}, {{ item }} -> {{ expression }})
{%- endmacro %}

{#- A struct of the named expressions. -#}
{% macro struct_of(fields) -%}
    {{ adapter.dispatch('struct_of', 'dlm')(fields) }}
{%- endmacro %}

{% macro duckdb__struct_of(fields) -%}
    struct_pack({% for name, value in fields.items() %}{{ name }} := {{ value }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{% macro spark__struct_of(fields) -%}
    named_struct({% for name, value in fields.items() %}'{{ name }}', {{ value }}{{ ', ' if not loop.last }}{% endfor %})
{%- endmacro %}

{#- Aggregate: the values of a group as a list, in the order of a column that tells them apart. -#}
{% macro ordered_list(value, position) -%}
    {{ adapter.dispatch('ordered_list', 'dlm')(value, position) }}
{%- endmacro %}

{% macro duckdb__ordered_list(value, position) -%}
    list({{ value }} order by {{ position }})
{%- endmacro %}

{% macro spark__ordered_list(value, position) -%}
    transform(
        array_sort(collect_list(named_struct('position', {{ position }}, 'value', {{ value }}))),
        element_ -> element_.value
    )
{%- endmacro %}

{#- Aggregate: the named columns of a group as a list of structs, in the order of a column. -#}
{% macro ordered_structs(columns, position) -%}
    {{ adapter.dispatch('ordered_structs', 'dlm')(columns, position) }}
{%- endmacro %}

{% macro duckdb__ordered_structs(columns, position) -%}
    list(
        struct_pack({% for column in columns %}{{ column }} := {{ column }}{{ ', ' if not loop.last }}{% endfor %})
        order by {{ position }}
    )
{%- endmacro %}

{% macro spark__ordered_structs(columns, position) -%}
    array_sort(collect_list(named_struct(
        'position', {{ position }},
        {%- for column in columns %}
        '{{ column }}', {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    )))
{%- endmacro %}

{#-
    The corner of a square matrix (a list of rows) after every row and column but the last is eliminated: of
    [[V, z], [z', 0]] it is -z' V^-1 z. Null where a pivot is nothing but rounding, V being singular.
-#}
{% macro eliminated_corner(matrix, size) -%}
    {{ adapter.dispatch('eliminated_corner', 'dlm')(matrix, size) }}
{%- endmacro %}

{% macro duckdb__eliminated_corner(matrix, size) -%}
    list_reduce(
        -- list_reduce wants elements of the type of its state
        list_transform(
            range(1, {{ size }}),
            lambda step_: struct_pack(place := step_, matrix := cast(null as double[][]))
        ),
        lambda state_, next_: struct_pack(
            place := next_.place,
            matrix := list_transform(
                state_.matrix,
                lambda row_: list_transform(
                    row_,
                    lambda entry_, column_: entry_ - row_[next_.place]
                        * state_.matrix[next_.place][column_]
                        / {{ _pivot_or_null('state_.matrix[next_.place][next_.place]') }}
                )
            )
        ),
        struct_pack(place := cast(0 as bigint), matrix := {{ matrix }})
    ).matrix[{{ size }}][{{ size }}]
{%- endmacro %}

{% macro spark__eliminated_corner(matrix, size) -%}
    aggregate(
        sequence(0, {{ size }} - 2),
        {{ matrix }},
        (matrix_, pivot_) -> transform(
            matrix_,
            row_ -> transform(
                row_,
                (entry_, column_) -> entry_ - row_[pivot_]
                    * matrix_[pivot_][column_]
                    / {{ _pivot_or_null('matrix_[pivot_][pivot_]') }}
            )
        )
    )[{{ size }} - 1][{{ size }} - 1]
{%- endmacro %}

{% macro _pivot_or_null(pivot) -%}
    (case when {{ pivot }} > 1e-10 then {{ pivot }} end)
{%- endmacro %}
