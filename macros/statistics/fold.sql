{#-
    What the two engines spell differently when an expression has to iterate. Every macro of this folder
    builds on these three and is otherwise plain SQL: no `create macro`, no recursive query.

    Lambda parameters are named `<thing>_` so that they never hide a column.
-#}

{#- The expression folded over a list from left to right: `acc` holds the value so far, `item` the element. -#}
{% macro fold(list, initial, acc, item, expression) -%}
    {{ adapter.dispatch('fold', 'dlm')(list, initial, acc, item, expression) }}
{%- endmacro %}

{#-
    The initial value stands in the list: DuckDB 1.5 takes values of the wrong row where list_reduce is given one
    and the lists of several rows differ in length.
-#}
{% macro duckdb__fold(list, initial, acc, item, expression) -%}
    list_reduce(
        list_prepend(cast({{ initial }} as double), cast({{ list }} as double[])),
        lambda {{ acc }}, {{ item }}: {{ expression }}
    )
{%- endmacro %}

{% macro spark__fold(list, initial, acc, item, expression) -%}
    aggregate({{ list }}, cast({{ initial }} as double), ({{ acc }}, {{ item }}) -> {{ expression }})
{%- endmacro %}

{#- The integers from `first` down to 1; no element where `first` is below 1. -#}
{% macro countdown(first) -%}
    {{ adapter.dispatch('countdown', 'dlm')(first) }}
{%- endmacro %}

{% macro duckdb__countdown(first) -%}
    range(cast({{ first }} as bigint), 0, -1)
{%- endmacro %}

{% macro spark__countdown(first) -%}
    filter(sequence(cast(greatest({{ first }}, 1) as bigint), 1L, -1L), step_ -> step_ <= {{ first }})
{%- endmacro %}

{#- The expression with `name` standing for the value, which is so written and computed once. -#}
{% macro bind(name, value, expression) -%}
    {{ adapter.dispatch('bind', 'dlm')(name, value, expression) }}
{%- endmacro %}

{% macro duckdb__bind(name, value, expression) -%}
    list_transform([cast({{ value }} as double)], lambda {{ name }}: {{ expression }})[1]
{%- endmacro %}

{% macro spark__bind(name, value, expression) -%}
    transform(array(cast({{ value }} as double)), {{ name }} -> {{ expression }})[0]
{%- endmacro %}

{#-
    What a value `x` comes to when the expression `correction` of it is added again and again, at most `steps`
    times; it ends where a correction was below 1e-10, after which one that converges quadratically has none left.
-#}
{% macro newton(start, steps, x, correction) -%}
    {{ adapter.dispatch('newton', 'dlm')(start, steps, x, correction) }}
{%- endmacro %}

{% macro duckdb__newton(start, steps, x, correction) -%}
    list_reduce(
        -- list_reduce wants elements of the type of its state: the value and its last correction
        list_transform(range({{ steps }}), lambda step_: cast([0, 0] as double[])),
        lambda state_, next_: case
            when abs(state_[2]) < 1e-10 then state_
            else {{ bind('correction_', correction | replace(x, 'state_[1]'), '[state_[1] + correction_, correction_]') }}
        end,
        cast([{{ start }}, 1] as double[])
    )[1]
{%- endmacro %}

{% macro spark__newton(start, steps, x, correction) -%}
    aggregate(
        sequence(1, {{ steps }}),
        array(cast({{ start }} as double), cast(1 as double)),
        (state_, step_) -> case
            when abs(state_[1]) < 1e-10 then state_
            else {{ bind('correction_', correction | replace(x, 'state_[0]'), 'array(state_[0] + correction_, correction_)') }}
        end
    )[0]
{%- endmacro %}

{#-
    Aggregate: sum of doubles added in the order of a column, or a list of them, that tells the rows apart. A plain
    sum adds in the order in which threads come, and so differs in the last digit from build to build.
-#}
{% macro ordered_sum(value, position) -%}
    {{ adapter.dispatch('ordered_sum', 'dlm')(value, [position] if position is string else position) }}
{%- endmacro %}

{% macro duckdb__ordered_sum(value, position) -%}
    sum({{ value }} order by {{ position | join(', ') }})
{%- endmacro %}

{% macro spark__ordered_sum(value, position) -%}
    aggregate(
        array_sort(collect_list(named_struct('position', struct({{ position | join(', ') }}), 'value', {{ value }}))),
        cast(null as double),
        (total_, element_) -> coalesce(total_ + element_.value, total_, element_.value)
    )
{%- endmacro %}

{#- A polynomial by Horner's rule; coefficients as double literals in text, highest power first. -#}
{% macro polynomial(x, coefficients) -%}
    {%- for _ in coefficients[2:] %}({% endfor -%}
    {{ coefficients[0] }} * {{ x }} + {{ coefficients[1] }}
    {%- for coefficient in coefficients[2:] %}) * {{ x }} + {{ coefficient }}{% endfor -%}
{%- endmacro %}
