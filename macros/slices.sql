{#-
Where the joins of a large table would not fit into memory it is made in slices: the model makes the
first, and `other_slices`, a post-hook, inserts the others in the same transaction. A slice is a range
of the hash of an id, so rows that are joined by that id are in the same one. `dlm` reckons how many
from the records loaded and the memory allowed.
-#}

{#- How many slices a table is made in; an engine that divides its work by itself is given one. -#}
{% macro slices() -%}
    {{ return(adapter.dispatch('slices')()) }}
{%- endmacro %}

{% macro default__slices() -%}
    {{ return(1) }}
{%- endmacro %}

{% macro duckdb__slices() -%}
    {{ return(var('slices') | int) }}
{%- endmacro %}


{#- Condition that a row is in the slice at hand; true of every row where there is one slice. -#}
{% macro in_slice(column) -%}
    {%- if slices() > 1 -%}
    {%- if execute and 'other_slices' not in model.config['post-hook'] | string -%}
        {{ exceptions.raise_compiler_error(
            model.name ~ ' asks for one slice and has no post-hook other_slices() for the others'
        ) }}
    {%- endif -%}
    {{ short_hash([column]) }} {{ slice_bounds(0) }}
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{#- The hashes of a slice. Two bounds and no remainder, for DuckDB takes only these down to a scan. -#}
{% macro slice_bounds(slice) -%}
    between {{ 2 ** 64 * slice // slices() }} and {{ 2 ** 64 * (slice + 1) // slices() - 1 }}
{%- endmacro %}


{#-
Statements that add the slices after the first to the table that a model has made. dbt asks for them
once before it has compiled the model, and does not run those.
-#}
{% macro other_slices() -%}
    {%- for slice in range(1, slices()) if compiled_code %}
    insert into {{ this }} by name
    select *
    from (
        {{ compiled_code.replace(slice_bounds(0), slice_bounds(slice)) }}
    );
    {%- endfor %}
{%- endmacro %}
