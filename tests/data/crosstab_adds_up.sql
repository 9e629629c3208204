-- The cells of every test add up to the baseline lesions of operated patients.
with

lesions as (
    select count(*) as n_lesions
    from {{ ref('fct_lesion') }}
    where is_baseline_lesion and is_operated
),

tests as (
    select distinct test
    from {{ ref('int_test_verdict') }}
),

cells as (
    select
        test,
        sum(n_lesions) as n_in_cells
    from {{ ref('modality_crosstab') }}
    group by test
)

select
    tests.test,
    cells.n_in_cells,
    lesions.n_lesions
from tests
cross join lesions
left join cells on tests.test = cells.test
where coalesce(cells.n_in_cells, 0) <> lesions.n_lesions
