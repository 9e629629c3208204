-- Which values in the files are in no code list?
-- コード表にない値は、どのデータセンターのどの項目にあるか
with

sources as (
    select distinct source
    from quality.row_accounting
)

select
    sources.source,
    unmapped_values.form,
    unmapped_values.column_name,
    unmapped_values.list_name,
    unmapped_values.source_value,
    coalesce(unmapped_values.n_records, 0) as n_records
from sources
left join quality.unmapped_values as unmapped_values
    on sources.source = unmapped_values.source
order by
    n_records desc,
    sources.source asc,
    unmapped_values.form asc,
    unmapped_values.column_name asc,
    unmapped_values.source_value asc
