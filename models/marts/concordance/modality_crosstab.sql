-- One row per test, verdict and truth: baseline lesions of operated patients. The grid is full, so
-- the cells of a test add up to those lesions, indeterminate truths and exams not done included.
with

test_verdicts as (
    select *
    from {{ ref('int_test_verdict') }}
),

grid as (
    select
        tests.test_order,
        tests.test,
        verdicts.verdict_order,
        verdicts.verdict,
        truths.truth_order,
        truths.truth
    from (
        values (1, 'CT'), (2, 'MRI'), (3, 'CT+MRI'), (4, 'IOUS'), (5, 'CEIOUS')
    ) as tests (test_order, test)
    cross join (
        values
        (1, 'visible'), (2, 'not_visible'), (3, 'not_evaluable'), (4, 'not_done'), (5, 'missing')
    ) as verdicts (verdict_order, verdict)
    cross join (
        values (1, 'nonviable'), (2, 'viable'), (3, 'indeterminate')
    ) as truths (truth_order, truth)
)

select
    grid.test,
    grid.verdict,
    grid.truth,
    cast(count(test_verdicts.lesion_id) as bigint) as n_lesions,
    cast(count(distinct test_verdicts.patient_id) as bigint) as n_patients
from grid
left join test_verdicts
    on
        grid.test = test_verdicts.test
        and grid.verdict = test_verdicts.verdict
        and grid.truth = test_verdicts.reference_verdict
group by
    grid.test_order, grid.test, grid.verdict_order, grid.verdict, grid.truth_order, grid.truth
order by grid.test_order, grid.verdict_order, grid.truth_order
