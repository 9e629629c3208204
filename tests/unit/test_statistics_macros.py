"""The statistics macros, rendered and run in DuckDB, against scipy."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest
from macro_harness import render
from numpy.typing import ArrayLike, NDArray
from scipy import special, stats

Doubles = NDArray[np.float64]


def evaluate(expression: str, **columns: ArrayLike) -> Doubles:
    """Value of a macro expression on every row of the columns, null as nan."""
    rows = pd.DataFrame({name: np.atleast_1d(values) for name, values in columns.items()})
    rows["row_number"] = np.arange(len(rows))
    with duckdb.connect() as connection:
        connection.register("given", rows)
        query = f"select {render(expression)} as result from given order by row_number"
        result = connection.execute(query).fetchnumpy()["result"]
    return np.asarray(np.ma.filled(np.ma.asarray(result).astype(float), np.nan))


def test_normal_tails_keep_their_relative_accuracy() -> None:
    x = np.linspace(-9, 37, 4601)
    np.testing.assert_allclose(
        evaluate("normal_upper_tail('x')", x=x), stats.norm.sf(x), rtol=1e-12
    )
    np.testing.assert_allclose(evaluate("normal_cdf('x')", x=-x), stats.norm.cdf(-x), rtol=1e-12)


def test_erfc_at_its_seams() -> None:
    seams = np.array([-0.46875, 0.0, 0.46875, 4.0])
    x = np.concatenate(
        [seams, np.nextafter(seams, -9), np.nextafter(seams, 9), np.linspace(-6, 26, 999)]
    )
    np.testing.assert_allclose(evaluate("erfc('x')", x=x), special.erfc(x), rtol=1e-13)


def test_normal_quantile() -> None:
    p = np.concatenate([10.0 ** -np.arange(1, 300), np.linspace(0.0001, 0.9999, 5001)])
    np.testing.assert_allclose(evaluate("normal_quantile('p')", p=p), stats.norm.ppf(p), rtol=1e-14)
    assert np.isnan(evaluate("normal_quantile('p')", p=[-0.1, 0.0, 1.0, 1.1])).all()


def test_normal_quantile_of_a_number() -> None:
    assert evaluate("normal_quantile(0.975)", x=[0])[0] == pytest.approx(
        1.959963984540054, rel=1e-15
    )
    assert evaluate("confidence_z()", x=[0])[0] == pytest.approx(1.959963984540054, rel=1e-15)


def test_chi_square_upper_tail_for_whole_degrees_of_freedom() -> None:
    df = np.repeat(np.arange(1, 61), 50)
    x = np.tile(np.linspace(0, 150, 50), 60)
    result = evaluate("chi_square_upper_tail('x', 'df')", x=x, df=df)
    np.testing.assert_allclose(result, stats.chi2.sf(x, df), rtol=1e-12)


@pytest.mark.parametrize("df", [1, 2, 3, 7])
def test_chi_square_upper_tail_of_a_number_of_degrees(df: int) -> None:
    x = np.linspace(0, 1300, 400)
    result = evaluate(f"chi_square_upper_tail('x', {df})", x=x)
    np.testing.assert_allclose(result, stats.chi2.sf(x, df), rtol=1e-12)


def test_chi_square_has_no_tail_without_degrees_of_freedom() -> None:
    assert np.isnan(evaluate("chi_square_upper_tail('x', 'df')", x=[1.0], df=[0])).all()
    assert evaluate("chi_square_upper_tail('x', 'df')", x=[-1e-18], df=[1])[0] == 1.0


DEGREES = np.concatenate([np.arange(1, 300), [500, 999, 1000, 3000, 5000, 9999, 10000, 10001, 1e6]])


@pytest.mark.parametrize("p", [0.975, 0.95, 0.995, 0.9999995, 0.6, 0.025])
def test_t_quantile(p: float) -> None:
    result = evaluate(f"t_quantile({p}, 'df')", df=DEGREES)
    np.testing.assert_allclose(result, stats.t.ppf(p, DEGREES), rtol=1e-9)


def test_t_quantile_of_degrees_of_freedom_that_are_a_sum() -> None:
    groups = np.array([2.0, 11.0, 10_975.0, 2_000_000.0])
    result = evaluate("t_quantile(0.975, 'groups - 1')", groups=groups)
    np.testing.assert_allclose(result, stats.t.ppf(0.975, groups - 1), rtol=1e-9)


def test_t_quantile_at_the_middle_and_without_degrees_of_freedom() -> None:
    assert evaluate("t_quantile(0.5, 'df')", df=[3])[0] == 0.0
    assert np.isnan(evaluate("t_quantile(0.975, 'df')", df=[0.0, np.nan])).all()


@pytest.mark.parametrize("t", [-30.0, -2.0, -0.3, 0.0, 0.01, 1.0, 2.0, 12.0, 1000.0])
def test_t_upper_tail(t: float) -> None:
    result = evaluate("t_upper_tail('t', 'df')", t=np.full(len(DEGREES), t), df=DEGREES)
    expected = np.asarray(stats.t.sf(t, DEGREES))
    representable = expected > 1e-300
    np.testing.assert_allclose(result[representable], expected[representable], rtol=1e-9)


def test_incomplete_beta() -> None:
    shapes = [0.5, 1, 2.5, 10, 100, 1000, 10000]
    a, b, x = (grid.ravel() for grid in np.meshgrid(shapes, shapes, np.linspace(0, 1, 21)))
    result = evaluate("incomplete_beta('x', '(1e0 - x)', 'a', 'b')", x=x, a=a, b=b)
    expected = special.betainc(a, b, x)
    representable = expected > 1e-290
    np.testing.assert_allclose(result[representable], expected[representable], rtol=1e-9)


@pytest.mark.parametrize("p", [0.025, 0.005, 0.1])
def test_beta_quantile(p: float) -> None:
    shapes = [0.3, 0.5, 1, 2.5, 10, 58, 95, 300, 1000, 10000]
    a, b = (grid.ravel() for grid in np.meshgrid(shapes, shapes))
    result = evaluate(f"beta_quantile({p}, 'a', 'b')", a=a, b=b)
    np.testing.assert_allclose(result, stats.beta.ppf(p, a, b), rtol=1e-10)


K = np.array([0, 1, 14, 95, 152, 120, 25, 140_000])
N = np.array([10, 10, 19, 152, 152, 227, 75, 200_000])


def test_clopper_pearson() -> None:
    exact = [
        stats.binomtest(int(k), int(n)).proportion_ci(method="exact")
        for k, n in zip(K, N, strict=True)
    ]
    lower = evaluate("clopper_pearson_lower('k', 'n')", k=K, n=N)
    upper = evaluate("clopper_pearson_upper('k', 'n')", k=K, n=N)
    np.testing.assert_allclose(lower, [interval.low for interval in exact], rtol=1e-9)
    np.testing.assert_allclose(upper, [interval.high for interval in exact], rtol=1e-9)


def test_binomial_tails() -> None:
    upper = evaluate("binomial_upper_tail('k', 'n', 0.85)", k=K, n=N)
    lower = evaluate("binomial_lower_tail('k', 'n', 0.85)", k=K, n=N)
    np.testing.assert_allclose(upper, stats.binom.sf(K - 1, N, 0.85), rtol=1e-9)
    np.testing.assert_allclose(lower, stats.binom.cdf(K, N, 0.85), rtol=1e-9, atol=1e-300)


def test_draws_are_even_and_the_same_on_every_engine() -> None:
    draw = render("uniform_draw('cast(i as varchar)')")
    query = f"select {draw} from range(5000) as numbers (i) order by i"
    with duckdb.connect() as connection:
        draws = np.sort([row[0] for row in connection.execute(query).fetchall()])
    assert draws[0] >= 0 and draws[-1] < 1
    assert stats.kstest(draws, "uniform").pvalue > 0.01
    # md5('0') begins with cfcd2084
    with duckdb.connect() as connection:
        first = connection.execute(query).fetchone()
    assert first == (0xCFCD2084 / 2**32,)


def test_ln_gamma() -> None:
    x = np.concatenate([np.linspace(0.05, 30, 2000), [5000.0, 5000.5, 1e5]])
    result = evaluate("ln_gamma('x')", x=x)
    np.testing.assert_allclose(result, special.gammaln(x), rtol=1e-13, atol=1e-13)


def test_wilson_interval() -> None:
    k = np.array([0, 1, 14, 95, 152, 120, 25])
    n = np.array([10, 10, 19, 152, 152, 227, 75])
    expected = [
        stats.binomtest(int(a), int(b)).proportion_ci(method="wilson")
        for a, b in zip(k, n, strict=True)
    ]
    lower = evaluate("wilson_lower('k', 'n')", k=k, n=n)
    upper = evaluate("wilson_upper('k', 'n')", k=k, n=n)
    np.testing.assert_allclose(lower, [interval.low for interval in expected], atol=1e-15)
    np.testing.assert_allclose(upper, [interval.high for interval in expected], atol=1e-15)
    assert ((lower >= 0) & (upper <= 1)).all()


def test_nothing_to_divide_by_is_null_and_not_nan() -> None:
    with duckdb.connect() as connection:
        for expression in (
            "wilson_lower(0, 0)",
            "wilson_upper(0, 0)",
            "proportion(0, 0)",
            "anova_icc(0, 0, 0, 0, 0)",
            "cohen_kappa(0, 0, 0, 0)",
            "cohen_kappa(9, 0, 0, 0)",
            "clopper_pearson_lower(0, 0)",
            "clopper_pearson_upper(0, 0)",
            "linearised_variance(0, 0, 0)",
            "linearised_variance(0e0, 3, 1)",
            "rao_scott_design_effect('1e0', '0e0', 4)",
            "korn_graubard_n('null', 'null', 0, 'null')",
            "korn_graubard_n('1e0', 'null', 3, 'null')",
            "logit_bound('1e0', '0e0', '2e0', '-')",
            "logit_bound('0e0', '0e0', '2e0', '+')",
            "durkalski_chi2('0e0', '0e0')",
            "obuchowski_chi2(0, 0, 0)",
            "obuchowski_chi2(0, 0, 5)",
            "score_statistic('null', 0.85, 'null')",
        ):
            row = connection.execute(f"select {render(expression)}").fetchone()
            assert row == (None,), expression


CLUSTERS = [
    ([3, 1, 5, 2, 4], [3, 0, 2, 2, 1]),
    ([2, 2, 2], [1, 1, 1]),
    ([6, 1], [6, 0]),
    ([1, 1, 4], [1, 0, 2]),
]


def anova_icc(m: Doubles, x: Doubles) -> float:
    """One-way ANOVA by its definition, from the trials themselves."""
    trials = [np.repeat([1.0, 0.0], [int(b), int(a - b)]) for a, b in zip(m, x, strict=True)]
    everything = np.concatenate(trials)
    between = sum(len(t) * (t.mean() - everything.mean()) ** 2 for t in trials) / (len(m) - 1)
    within = sum(((t - t.mean()) ** 2).sum() for t in trials) / (m.sum() - len(m))
    typical = (m.sum() - (m**2).sum() / m.sum()) / (len(m) - 1)
    return float((between - within) / (between + (typical - 1) * within))


@pytest.mark.parametrize(("sizes", "successes"), CLUSTERS)
def test_anova_icc_and_design_effect(sizes: list[int], successes: list[int]) -> None:
    m, x = np.array(sizes, dtype=float), np.array(successes, dtype=float)
    sums = {
        "n": m.sum(),
        "k": x.sum(),
        "n_clusters": len(m),
        "mm": (m**2).sum(),
        "xx": (x**2 / m).sum(),
    }
    columns = {name: [value] for name, value in sums.items()}
    icc = evaluate("anova_icc('n', 'k', 'n_clusters', 'mm', 'xx')", **columns)[0]
    assert icc == pytest.approx(anova_icc(m, x), rel=1e-12)
    effect = evaluate("design_effect('n', 'mm', 'icc')", icc=[icc], **columns)[0]
    assert effect == pytest.approx(1 + ((m**2).sum() / m.sum() - 1) * max(icc, 0), rel=1e-12)


@pytest.mark.parametrize(
    ("n", "k", "n_clusters", "mm", "xx"),
    [(4, 2, 1, 16, 1.0), (3, 1, 3, 3, 1.0), (6, 6, 2, 20, 6.0), (6, 0, 2, 20, 0.0)],
    ids=["one patient", "one lesion each", "all nonviable", "all viable"],
)
def test_icc_that_cannot_be_estimated_is_null_and_counts_as_none(
    n: int, k: int, n_clusters: int, mm: int, xx: float
) -> None:
    icc = f"anova_icc({n}, {k}, {n_clusters}, {mm}, {xx})"
    with duckdb.connect() as connection:
        assert connection.execute(f"select {render(icc)}").fetchone() == (None,)
        effect = render(f"design_effect({n}, {mm}, {icc})")
        assert connection.execute(f"select {effect}").fetchone() == (1.0,)


def test_cohen_kappa() -> None:
    # Cohen 1960 by its definition: observed agreement 35/50, expected 0.5.
    assert evaluate("cohen_kappa(20, 5, 10, 15)", x=[0])[0] == pytest.approx(0.4, rel=1e-14)
    assert evaluate("cohen_kappa(0, 5, 5, 0)", x=[0])[0] == pytest.approx(-1.0, rel=1e-14)


def test_quantile_type_7() -> None:
    values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0]
    listed = ", ".join(f"({value})" for value in [*values, "null"])
    for share in (0.25, 0.5, 0.75):
        aggregate = render(f"quantile_type7('x', {share})")
        with duckdb.connect() as connection:
            row = connection.execute(
                f"select {aggregate} from (values {listed}) as given (x)"
            ).fetchone()
        assert row is not None
        assert row[0] == pytest.approx(np.quantile(values, share), rel=1e-15)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 101])
def test_quantile_type_7_of_counts(n: int) -> None:
    values = np.random.default_rng(n).choice([0.1, 0.5, 2.0, 7.3, 11.0], n)
    given = pd.DataFrame({"x": [*values, np.nan], "part": [*(np.arange(n) % 2), 0]})
    # The same value in two rows, as where rows of several kinds are counted together.
    counted = (
        "select x, n_alike, sum(case when x is not null then n_alike end) over () as n, "
        "sum(case when x is not null then n_alike end) over (order by x) as n_up_to "
        "from (select nullif(x, 'nan') as x, part, count(*) as n_alike from given group by all)"
    )
    for share in (0.25, 0.5, 0.75):
        aggregate = render(f"quantile_type7_of_counts('x', 'n_up_to', 'n', {share})")
        with duckdb.connect() as connection:
            connection.register("given", given)
            row = connection.execute(f"select {aggregate} from ({counted}) group by n").fetchone()
        assert row is not None
        assert row[0] == pytest.approx(np.quantile(values, share), rel=1e-15)


def test_quantile_of_counts_of_nothing_known_is_null() -> None:
    aggregate = render("quantile_type7_of_counts('x', 'n_up_to', 'n', 0.5)")
    given = "(select null::double as x, null::bigint as n_up_to, null::bigint as n)"
    with duckdb.connect() as connection:
        assert connection.execute(f"select {aggregate} from {given} group by n").fetchone() == (
            None,
        )
