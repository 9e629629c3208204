-- One row per pair of tests, and per modality and timepoint for local against central readers: how
-- often two verdicts on the same lesion agree. A pair needs two verdicts that say visible or not
-- visible.
{%- set test_pairs = [
    ('CT', 'MRI', 'preop'), ('CT', 'IOUS', 'preop and intraop'), ('CT', 'CEIOUS', 'preop and intraop'),
    ('MRI', 'IOUS', 'preop and intraop'), ('MRI', 'CEIOUS', 'preop and intraop'),
    ('IOUS', 'CEIOUS', 'intraop'),
] %}
with

lesions as (
    select *
    from {{ ref('fct_lesion') }}
    where is_baseline_lesion and is_operated
),

reader_pairs as (
    select *
    from {{ ref('int_reader_pair') }}
),

comparisons as (
    {% for first, second, timepoint in test_pairs %}
        select
            'test' as kind,
            {{ loop.index }} as comparison_order,
            '{{ first }}' as first,
            '{{ second }}' as second,
            '{{ first }} - {{ second }}' as comparison,
            'lesion' as unit,
            '{{ timepoint }}' as timepoint,
            {{ first | lower }}_verdict as first_verdict,
            {{ second | lower }}_verdict as second_verdict
        from lesions
        union all
    {% endfor %}
    select
        'reader' as kind,
        {{ test_pairs | length + 1 }} as comparison_order,
        'local' as first,
        'central' as second,
        modality || ': local - central' as comparison,
        'exam of a lesion' as unit,
        timepoint,
        local_verdict as first_verdict,
        central_verdict as second_verdict
    from reader_pairs
),

counts as (
    select
        kind,
        comparison_order,
        comparison,
        unit,
        timepoint,
        first,
        second,
        count(*) as n_units,
        count(case when first_verdict = 'visible' and second_verdict = 'visible' then 1 end)
            as n_both_visible,
        count(case when first_verdict = 'visible' and second_verdict = 'not_visible' then 1 end)
            as n_first_only,
        count(case when first_verdict = 'not_visible' and second_verdict = 'visible' then 1 end)
            as n_second_only,
        count(case when first_verdict = 'not_visible' and second_verdict = 'not_visible' then 1 end)
            as n_both_not_visible
    from comparisons
    group by kind, comparison_order, comparison, unit, timepoint, first, second
),

pairs as (
    select
        *,
        n_both_visible + n_first_only + n_second_only + n_both_not_visible as n_pairs
    from counts
)

select
    comparison,
    kind,
    unit,
    timepoint,
    first,
    second,
    cast(n_pairs as bigint) as n_pairs,
    cast(n_both_visible as bigint) as n_both_visible,
    cast(n_first_only as bigint) as n_first_only,
    cast(n_second_only as bigint) as n_second_only,
    cast(n_both_not_visible as bigint) as n_both_not_visible,
    cast(n_units - n_pairs as bigint) as n_unpaired,
    {{ proportion('n_both_visible + n_both_not_visible', 'n_pairs') }} as agreement,
    {{ cohen_kappa('n_both_visible', 'n_first_only', 'n_second_only', 'n_both_not_visible') }}
        as kappa
from pairs
order by comparison_order, comparison, timepoint
