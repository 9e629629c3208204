{#-
Where the joins of a large table would not fit into memory it is made in slices: the model makes the
first, and `other_slices`, a post-hook, inserts the others in the same transaction. A slice is a range
of patients (int_patient_slices): files hold a patient's records together, so of most blocks of a
table a slice reads all or nothing. Its bounds are variables of the connection; no id stands in a
query. `dlm` reckons how many slices from the records loaded and the memory allowed.
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


{#-
Condition that a row's patient is in the slice at hand, in the first where he has no id; true of
every row where there is one slice.
-#}
{% macro in_slice(patient_id) -%}
    {%- if slices() > 1 -%}
    {%- if execute and 'other_slices' not in model.config['post-hook'] | string -%}
        {{ exceptions.raise_compiler_error(
            model.name ~ ' asks for one slice and has no hooks for the first and the others'
        ) }}
    {%- endif -%}
    (
        {{ patient_id }} >= getvariable('slice_from') and {{ patient_id }} < getvariable('slice_until')
        or {{ patient_id }} is null and getvariable('slice_from') = ''
    )
    {%- else -%}
    true
    {%- endif -%}
{%- endmacro %}


{#- Statements that say which slice is at hand; the last ends after all text that an id can be. -#}
{% macro set_slice(number) -%}
    {%- for variable, bound in [
        ('slice_from', 'slice_from'), ('slice_until', 'coalesce(slice_until, chr(1114111))'),
    ] %}
    set variable {{ variable }} = (
        select {{ bound }}
        from {{ ref('int_patient_slices') }}
        where slice_no = {{ number }}
    );
    {%- endfor %}
{%- endmacro %}


{#- Pre-hook of a model in slices. -#}
{% macro first_slice() -%}
    {%- if slices() > 1 -%}
    {{ set_slice(1) }}
    {%- endif -%}
{%- endmacro %}


{#-
Statements that add the slices after the first to the table that a model has made. dbt asks for them
once before it has compiled the model, and does not run those.
-#}
{% macro other_slices() -%}
    {%- for number in range(2, slices() + 1) if compiled_code %}
    {{ set_slice(number) }}
    insert into {{ this }} by name
    select *
    from (
        {{ compiled_code }}
    );
    {%- endfor %}
{%- endmacro %}
