-- One row per lesion with a specimen that was read with or without viable cells: what its specimens
-- say, as it is adjudicated. All that were delivered count, as they do for rule PA07: a decision on
-- them stands at every cut-off.
with

specimens as (
    {%- for source in source_names() %}
    select
        lesion_id,
        specimen_id,
        {{ specimen_result() | indent(4) }} as specimen_result
    from {{ staged_model(source, 'pathology') }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
)

select
    lesion_id,
    {{ specimen_evidence() }} as evidence
from specimens
where
    lesion_id is not null
    and specimen_result in ('viable_cells', 'no_viable_cells')
group by lesion_id
