-- One row per test, verdict and truth: baseline lesions of operated patients. The grid is full, so
-- the cells of a test add up to those lesions, indeterminate truths and exams not done included.
-- What the table as a whole estimates stands on every row of the test.
{%- set measures = ['sensitivity', 'specificity', 'ppv', 'npv'] %}
with

test_verdicts as (
    select *
    from {{ ref('int_test_verdict') }}
),

accuracy as (
    select *
    from {{ ref('modality_accuracy') }}
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
),

cells as (
    select
        grid.test_order,
        grid.test,
        grid.verdict_order,
        grid.verdict,
        grid.truth_order,
        grid.truth,
        count(test_verdicts.lesion_id) as n_lesions,
        count(distinct test_verdicts.patient_id) as n_patients
    from grid
    left join test_verdicts
        on
            grid.test = test_verdicts.test
            and grid.verdict = test_verdicts.verdict
            and grid.truth = test_verdicts.reference_verdict
    group by
        grid.test_order,
        grid.test,
        grid.verdict_order,
        grid.verdict,
        grid.truth_order,
        grid.truth
),

test_measures as (
    select
        test,
        {% for measure in measures %}
            max(case when measure = '{{ measure }}' then estimate end) as {{ measure }},
            max(case when measure = '{{ measure }}' then reason end) as {{ measure }}_reason
            {%- if not loop.last %},{% endif %}
        {% endfor %}
    from accuracy
    where stratum_value = 'all'
    group by test
)

select
    cells.test,
    cells.verdict,
    cells.truth,
    cast(cells.n_lesions as bigint) as n_lesions,
    cast(cells.n_patients as bigint) as n_patients,

    ---------- of the test as a whole, the same on its every row
    {% for measure in measures %}
        test_measures.{{ measure }},
        test_measures.{{ measure }}_reason
        {%- if not loop.last %},{% endif %}
    {% endfor %}
from cells
inner join test_measures
    on cells.test = test_measures.test
order by cells.test_order, cells.verdict_order, cells.truth_order
