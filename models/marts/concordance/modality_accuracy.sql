-- One row per test, stratum value and measure: sensitivity, specificity and predictive values with
-- clustered intervals, or why they cannot be estimated.
{#- Measure, which lesions it counts (judged by the test, of known truth), and the hits. -#}
{%- set seen, gone = "verdict = 'visible'", "verdict = 'not_visible'" %}
{%- set viable, nonviable = "reference_verdict = 'viable'", "reference_verdict = 'nonviable'" %}
{%- set measures = [
    ('sensitivity', viable, seen, 'viable lesion'),
    ('specificity', nonviable, gone, 'nonviable lesion'),
    ('ppv', seen, viable, 'visible lesion of known truth'),
    ('npv', gone, nonviable, 'gone lesion of known truth'),
] %}
{%- set strata = ['all', 'resected', 'left_in_place'] %}
with

test_verdicts as (
    select * from {{ ref('int_test_verdict') }}
),

tests as (
    {% for test in ['CT', 'MRI', 'CT+MRI', 'IOUS', 'CEIOUS'] %}
        select
            {{ loop.index }} as test_order,
            '{{ test }}' as test
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

measures as (
    {% for measure, _, _, counted in measures %}
        select
            {{ loop.index }} as measure_order,
            '{{ measure }}' as measure,
            '{{ counted }}' as counted_unit
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

strata as (
    {% for value in strata %}
        select
            {{ loop.index }} as stratum_order,
            '{{ value }}' as stratum_value
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

stratified_verdicts as (
    {% for value in strata %}
        select
            test,
            patient_id,
            verdict,
            reference_verdict,
            verdict in ('visible', 'not_visible') as is_judged,
            '{{ value }}' as stratum_value
        from test_verdicts
        {% if value != 'all' %}where disposition = '{{ value }}'{% endif %}
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

coverage as (
    select
        test,
        stratum_value,
        count(*) as n_lesions,
        count(case when is_judged then 1 end) as n_judged,
        count(case when is_judged and reference_verdict <> 'indeterminate' then 1 end) as n_verified
    from stratified_verdicts
    group by test, stratum_value
),

-- Patients are the clusters: m lesions the measure counts, x hits.
clusters as (
    {% for measure, counts, hits, _ in measures %}
        select
            test,
            stratum_value,
            '{{ measure }}' as measure,
            count(*) as m,
            count(case when {{ hits }} then 1 end) as x
        from stratified_verdicts
        where is_judged and reference_verdict <> 'indeterminate' and {{ counts }}
        group by test, stratum_value, patient_id
        {% if not loop.last %}union all{% endif %}
    {% endfor %}
),

-- the linter does not know lambdas of two arguments, which folds are made of
-- noqa: disable=PRS
shares as (
    {{ clustered_shares('clusters', ['test', 'stratum_value', 'measure']) }}
),
-- noqa: enable=PRS

reasoned as (
    select
        tests.test_order,
        tests.test,
        strata.stratum_order,
        strata.stratum_value,
        measures.measure_order,
        measures.measure,
        coalesce(coverage.n_lesions, 0) as n_lesions,
        coalesce(coverage.n_judged, 0) as n_judged,
        coalesce(coverage.n_verified, 0) as n_verified,
        coalesce(shares.n_clusters, 0) as n_clusters,
        coalesce(shares.n, 0) as n,
        coalesce(shares.k, 0) as k,
        shares.share,
        shares.n_effective,
        shares.t_clusters,
        case
            when
                strata.stratum_value <> 'all'
                and measures.measure in ('sensitivity', 'specificity')
                then 'what surgery did to a lesion depended on what the tests said of it'
            when shares.n is null then 'no ' || measures.counted_unit
        end as reason
    from tests
    cross join strata
    cross join measures
    left join coverage
        on tests.test = coverage.test and strata.stratum_value = coverage.stratum_value
    left join shares
        on
            tests.test = shares.test
            and strata.stratum_value = shares.stratum_value
            and measures.measure = shares.measure
),

estimates as (
    select
        *,
        case when reason is null then share end as estimate
    from reasoned
)

select
    test,
    stratum_value,
    measure,

    ---------- lesions
    cast(n_lesions as bigint) as n_lesions,
    cast(n_judged as bigint) as n_judged,
    cast(n_verified as bigint) as n_verified,

    ---------- estimate
    n_clusters as n_patients,
    k as numerator,
    n as denominator,
    estimate,
    {{ wilson_bound('estimate', 'n_effective', 't_clusters', '-') }} as clustered_lower,
    {{ wilson_bound('estimate', 'n_effective', 't_clusters', '+') }} as clustered_upper,

    ---------- whether, and what to bear in mind
    case when reason is null then 'estimated' else 'not estimable' end as status,
    coalesce(
        reason,
        case when n_clusters < 2
            then 'no interval from one patient'
        end
    ) as reason,
    case
        when n_verified < n_lesions
            then 'judged ' || cast(n_judged as string) || ' of ' || cast(n_lesions as string)
                || ' lesions; truth known of ' || cast(n_verified as string) || ' of '
                || cast(n_judged as string) || ' judged'
    end as caveat
from estimates
order by test_order, stratum_order, measure_order
