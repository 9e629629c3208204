-- The cells of every test add up to the baseline lesions of operated patients.
with

lesions as (
    select count(*) as n_lesions
    from {{ ref('fct_lesion') }}
    where is_baseline_lesion and is_operated
),

tests as (
    select
        test,
        sum(n_lesions) as n_in_cells
    from {{ ref('modality_crosstab') }}
    group by test
)

select
    tests.test,
    tests.n_in_cells,
    lesions.n_lesions
from tests
cross join lesions
where tests.n_in_cells <> lesions.n_lesions
