{#-
Tables over the Parquet files that hold a build's inputs: run by `dlm build --target spark` before
the models, whatever way the cluster is reached. Nothing is copied; the tables only point.
-#}
{% macro register_inputs(location, tables) -%}
    {%- for schema, names in tables.items() %}
        {%- do run_query('create schema if not exists ' ~ schema) -%}
        {%- for name in names %}
            {%- do run_query('drop table if exists ' ~ schema ~ '.`' ~ name ~ '`') -%}
            {%- do run_query(
                'create table ' ~ schema ~ '.`' ~ name ~ "` using parquet location '"
                ~ location ~ '/' ~ schema ~ '.' ~ name ~ ".parquet'"
            ) -%}
        {%- endfor %}
    {%- endfor %}
{%- endmacro %}
