"""Clustered shares, paired verdicts and their differences against R (tests/oracle/accuracy)."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from macro_harness import render
from survival_harness import refuse_nan_and_infinity

ORACLE = Path(__file__).parents[1] / "oracle" / "accuracy"
THRESHOLD = 0.85
# Columns of the oracle, and the macros that make the same from what clustered_shares returns.
INTERVALS = {
    "naive": ("wilson_lower('k', 'n')", "wilson_upper('k', 'n')"),
    "clustered": tuple(
        f"wilson_bound('share', 'n_effective', 't_clusters', '{sign}')" for sign in "-+"
    ),
    "exact": ("clopper_pearson_lower('k', 'n')", "clopper_pearson_upper('k', 'n')"),
    "korn_graubard": (
        "clopper_pearson_lower('(n_korn_graubard * share)', 'n_korn_graubard')",
        "clopper_pearson_upper('(n_korn_graubard * share)', 'n_korn_graubard')",
    ),
    "logit": tuple(f"logit_bound('share', 'variance', 't_clusters', '{sign}')" for sign in "-+"),
    "rao_scott": tuple(
        f"wilson_bound('share', '(n / nullif(rao_scott_effect, 0))', confidence_z(), '{sign}')"
        for sign in "-+"
    ),
    "cluster_mean": tuple(
        f"logit_bound('cluster_mean', 'cluster_mean_variance', 't_clusters', '{sign}')"
        for sign in "-+"
    ),
}
SCORE = "score_statistic('share', 0.85, 'n_effective')"
TESTS = {
    "exact_above": "binomial_upper_tail('k', 'n', 0.85)",
    "exact_below": "binomial_lower_tail('k', 'n', 0.85)",
    "clustered_above": f"t_upper_tail({SCORE}, 'n_clusters - 1')",
    "clustered_below": f"t_upper_tail('-' ~ {SCORE}, 'n_clusters - 1')",
}


def oracle(name: str) -> pd.DataFrame:
    """One of R's tables by dataset; blanks are nan."""
    return pd.read_csv(ORACLE / f"{name}.csv", float_precision="round_trip").set_index("dataset")


def computed(clusters: pd.DataFrame, macro: str, columns: dict[str, str]) -> pd.DataFrame:
    """A relation macro and further columns made of its own, by dataset; null only, never nan."""
    further = "".join(f", {render(expression)} as {name}" for name, expression in columns.items())
    with duckdb.connect() as connection:
        connection.register("given", clusters.reset_index())
        connection.execute("create table clusters as from given")
        query = render(f"{macro}('clusters', ['dataset'])")
        connection.execute(f"create table result as select *{further} from ({query})")
        refuse_nan_and_infinity(connection, "result")
        return connection.execute("from result").df().set_index("dataset")


@pytest.fixture(scope="module")
def shares() -> pd.DataFrame:
    """Every dataset's share with all intervals and tests, by the macros."""
    bounds = {
        f"{name}_{end}": expression
        for name, ends in INTERVALS.items()
        for end, expression in zip(("lower", "upper"), ends, strict=True)
    }
    return computed(oracle("clusters"), "clustered_shares", bounds | TESTS)


@pytest.mark.parametrize(
    "column",
    [
        *("share", "variance", "icc", "design_effect", "rao_scott_effect", "cluster_mean"),
        *(f"{name}_{end}" for name in INTERVALS for end in ("lower", "upper")),
        *TESTS,
    ],
)
def test_shares_are_those_of_r(shares: pd.DataFrame, column: str) -> None:
    expected = oracle("shares")[column]
    found = shares.loc[expected.index, column].astype(float)
    if column.startswith(("cluster_mean_", "logit", "rao_scott")):
        # R gives nothing where the standard error is 0, the macros an interval without width,
        # which the mart does not show.
        found = found.where(oracle("shares")["variance"] > 1e-20)
    elif column == "cluster_mean":
        found, expected = found.drop("one_cluster"), expected.drop("one_cluster")
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-15)


def test_counts_are_exact(shares: pd.DataFrame) -> None:
    expected = oracle("shares")[["n_clusters", "n", "k"]]
    pd.testing.assert_frame_equal(shares.loc[expected.index, expected.columns], expected)


def test_design_effects_that_rao_and_scott_print(shares: pd.DataFrame) -> None:
    printed = {"rats_control": 1.232, "rats_treated": 3.953}
    assert shares["rao_scott_effect"].loc[list(printed)].round(3).to_dict() == printed


def test_what_cannot_be_estimated_is_null(shares: pd.DataFrame) -> None:
    alone = shares.loc["one_cluster"]
    assert alone[["variance", "t_clusters", "clustered_lower", "korn_graubard_lower"]].isna().all()
    assert alone["exact_upper"] < 1
    for dataset, share in (("all_alike", 1.0), ("none_alike", 0.0)):
        row = shares.loc[dataset]
        assert row["share"] == share and row["variance"] == 0
        assert pd.isna(row["logit_lower"]) and pd.isna(row["rao_scott_effect"])
        assert row["clustered_lower"] < row["clustered_upper"]
    # Clusters of one share leave exactly nothing, not a trace of rounding.
    assert shares.loc["opposite", "variance"] == 0


def test_no_cluster_makes_no_row() -> None:
    nothing = pd.DataFrame({"dataset": ["a"], "cluster_id": [1], "m": [0], "x": [0]})
    assert computed(nothing, "clustered_shares", {}).empty


PAIRS = ("kappa", "kappa_std_err", "difference", "difference_std_err")


@pytest.mark.parametrize("column", [*PAIRS, "obuchowski_chi2", "durkalski_chi2"])
def test_paired_verdicts_are_those_of_r(column: str) -> None:
    expected = oracle("agreement")
    found = computed(oracle("pairs"), "clustered_pairs", {}).loc[expected.index]
    np.testing.assert_allclose(found[column], expected[column], rtol=1e-9)
    assert (found[["n_clusters", "n_pairs"]] == expected[["n_clusters", "n_pairs"]]).all(None)


def test_statistics_printed_for_the_thyroids() -> None:
    row = computed(oracle("pairs"), "clustered_pairs", {}).loc["thyroids"]
    assert round(row["obuchowski_chi2"], 2) == 2.86
    assert round(row["durkalski_chi2"], 2) == 2.32


def test_one_pair_per_cluster_is_mcnemar() -> None:
    row = computed(oracle("pairs"), "clustered_pairs", {}).loc["singletons"]
    mcnemar = oracle("agreement").loc["singletons", "mcnemar_chi2"]
    assert row["durkalski_chi2"] == pytest.approx(mcnemar, rel=1e-12)
    assert row["obuchowski_chi2"] == pytest.approx(mcnemar * 43 / 44, rel=1e-12)


def test_differences_of_overlapping_shares_are_those_of_r() -> None:
    expected = oracle("differences")
    found = computed(oracle("nested"), "share_differences", {}).loc[expected.index]
    np.testing.assert_allclose(found["difference"], expected["difference"], rtol=1e-9)
    np.testing.assert_allclose(
        found["difference_std_err"], expected["difference_std_err"], rtol=1e-9
    )


@pytest.mark.parametrize(
    ("counts", "null"),
    [
        ([(3, 0, 0, 2), (1, 0, 0, 4)], ["kappa_std_err", "obuchowski_chi2", "durkalski_chi2"]),
        ([(3, 1, 0, 2)], ["kappa_std_err", "difference_std_err", "obuchowski_chi2"]),
        ([(3, 0, 0, 0), (2, 0, 0, 0)], ["kappa", "kappa_std_err", "difference_std_err"]),
    ],
    ids=["never differ", "one cluster", "one verdict"],
)
def test_pairs_without_an_answer_are_null(
    counts: list[tuple[int, int, int, int]], null: list[str]
) -> None:
    names = ["both_yes", "first_only", "second_only", "both_no"]
    given = pd.DataFrame(counts, columns=names).assign(dataset="a", cluster_id=range(len(counts)))
    row = computed(given, "clustered_pairs", {}).loc["a"]
    assert row[null].isna().all()


def test_a_share_compared_with_itself_or_with_nothing() -> None:
    given = pd.DataFrame(
        {
            "dataset": ["same", "same", "nothing", "nothing"],
            "cluster_id": [1, 2, 1, 2],
            "first_m": [3, 2, 3, 2],
            "first_x": [1, 2, 1, 2],
            "second_m": [3, 2, 0, 0],
            "second_x": [1, 2, 0, 0],
        }
    )
    rows = computed(given, "share_differences", {})
    assert rows.loc["same", "difference"] == 0
    assert rows["difference_std_err"].isna().all()
    assert pd.isna(rows.loc["nothing", "difference"])


def test_bootstrap_draws_as_many_clusters_with_replacement() -> None:
    given = pd.DataFrame(
        {
            "dataset": ["two", "two", "one", "three", "three", "three", "none"],
            "cluster_id": [1, 2, 1, 1, 2, 3, 1],
            "m": [1, 1, 4, 2, 2, 2, 0],
            "x": [0, 1, 2, 2, 2, 2, 0],
        }
    )
    with duckdb.connect() as connection:
        connection.register("clusters", given)
        query = render("bootstrap_shares('clusters', ['dataset'], 4000, 7, 3)")
        found = connection.execute(f"from ({query}) order by dataset").fetchall()
        assert found == connection.execute(f"from ({query}) order by dataset").fetchall()
        fewer = render("bootstrap_shares('clusters', ['dataset'], 10, 7, 2)")
        kept = connection.execute(f"select dataset from ({fewer})").fetchall()
    # Of two clusters a quarter of the samples holds either twice; one or none gives no row.
    assert found == [("three", 4000, 1.0, 1.0), ("two", 4000, 0.0, 1.0)]
    assert kept == [("two",)]
