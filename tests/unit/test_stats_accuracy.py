"""GEE, BCa bootstrap and the pooled literature: against R, closed forms and scipy."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from scipy import optimize, special
from scipy import stats as scipy_stats
from statsmodels.genmod.cov_struct import Exchangeable
from statsmodels.genmod.families import Binomial
from statsmodels.genmod.generalized_estimating_equations import GEE

from dlm import stats
from dlm.stats import NotEstimable, accuracy

ORACLE = Path(__file__).parents[1] / "oracle" / "accuracy"
CLUSTERS = pd.read_csv(ORACLE / "clusters.csv")
SHARES = pd.read_csv(ORACLE / "shares.csv").set_index("dataset")
FITTED = [name for name in SHARES.index[SHARES["gee_share"].notna()] if name != "few"]


def counts(dataset: str) -> tuple[accuracy.Counts, accuracy.Counts]:
    own = CLUSTERS[CLUSTERS["dataset"] == dataset]
    return own["m"].to_numpy(dtype=np.int64), own["x"].to_numpy(dtype=np.int64)


@pytest.mark.parametrize("dataset", FITTED)
def test_gee_is_geepack_s_and_solves_its_equations(dataset: str) -> None:
    m, x = counts(dataset)
    found = accuracy.fit_gee(m, x, 0.95)
    # geepack divides the moment estimate of the correlation by another number: hence not equal.
    assert found["share"] == pytest.approx(SHARES.loc[dataset, "gee_share"], rel=1e-4)
    assert found["std_err"] == pytest.approx(SHARES.loc[dataset, "gee_std_err"], rel=1e-3)
    weights = 1 / (1 + (m - 1) * found["working_correlation"])
    share = (weights * x).sum() / (weights * m).sum()
    residuals = (weights * (x - share * m)) ** 2
    variance = residuals.sum() / ((weights * m).sum() * share * (1 - share)) ** 2
    assert found["share"] == pytest.approx(share, rel=1e-9)
    assert found["std_err"] == pytest.approx(np.sqrt(variance), rel=1e-7)
    assert found["lower_bound"] < found["share"] < found["upper_bound"]


@pytest.mark.parametrize("dataset", FITTED)
def test_gee_is_that_of_statsmodels(dataset: str) -> None:
    m, x = counts(dataset)
    found = accuracy.fit_gee(m, x, 0.95)
    model = GEE(
        np.concatenate(
            [np.repeat([1.0, 0.0], [hits, size - hits]) for size, hits in zip(m, x, strict=True)]
        ),
        np.ones((m.sum(), 1)),
        groups=np.repeat(np.arange(len(m)), m),
        family=Binomial(),
        cov_struct=Exchangeable(),
    )
    theirs = model.fit(maxiter=500, ctol=1e-12)
    assert found["log_odds"] == pytest.approx(float(theirs.params[0]), rel=1e-9)
    assert found["std_err"] == pytest.approx(float(theirs.bse[0]), rel=1e-9)
    assert found["working_correlation"] == pytest.approx(model.cov_struct.dep_params, rel=1e-7)


def test_gee_of_patients_with_one_lesion_each_is_a_plain_share() -> None:
    found = accuracy.fit_gee(np.ones(10, dtype=np.int64), np.arange(10) % 5 // 3, 0.95)
    assert (found["share"], found["working_correlation"]) == (pytest.approx(0.4), 0.0)
    assert found["std_err"] == pytest.approx(1 / np.sqrt(10 * 0.4 * 0.6))


def test_gee_refuses_clusters_less_alike_than_chance_allows() -> None:
    with pytest.raises(NotEstimable, match="less alike"):
        accuracy.fit_gee(np.array([2, 2, 10]), np.array([1, 1, 6]), 0.95)


@pytest.mark.parametrize(
    ("m", "x", "share"), [([10, 2, 1], [10, 0, 0], 1 / 3), ([2, 2, 2, 2], [0, 2, 0, 2], 1 / 2)]
)
def test_no_correlation_is_above_one(m: list[int], x: list[int], share: float) -> None:
    found = accuracy.fit_gee(np.array(m), np.array(x), 0.95)
    assert (found["working_correlation"], found["share"]) == (1, pytest.approx(share))
    assert found["lower_bound"] < share < found["upper_bound"]


def test_clusters_of_one_size_weigh_alike() -> None:
    found = accuracy.fit_gee(*counts("even"), 0.95)
    assert found["share"] == pytest.approx(SHARES.loc["even", "share"], rel=1e-9)
    assert found["std_err"] == pytest.approx(SHARES.loc["even", "gee_std_err"], rel=1e-9)


@pytest.mark.parametrize(
    ("m", "x", "reason"),
    [
        ([5], [3], "one patient only"),
        ([3, 1], [3, 1], "every lesion has the same outcome"),
        ([3, 1], [0, 0], "every lesion has the same outcome"),
        ([2, 4], [1, 2], "every patient has the same share"),
        ([4] * 10, [2] * 10, "every patient has the same share"),
    ],
)
def test_what_cannot_be_estimated_says_why(m: list[int], x: list[int], reason: str) -> None:
    with pytest.raises(NotEstimable, match=reason):
        accuracy.bootstrap(np.array(m), np.array(x), 0.95, (1,))
    with pytest.raises(NotEstimable, match=reason):
        accuracy.fit_gee(np.array(m), np.array(x), 0.95)


def test_bootstrap_is_that_of_scipy_and_the_same_again() -> None:
    m, x = counts("skewed")
    found = accuracy.bootstrap(m, x, 0.95, (1527, 0))
    assert found == accuracy.bootstrap(m, x, 0.95, (1527, 0))

    def share(
        sizes: accuracy.Counts, hits: accuracy.Counts, axis: int = -1
    ) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
        return np.asarray(hits.sum(axis=axis) / sizes.sum(axis=axis))

    theirs = scipy_stats.bootstrap(
        (m, x),
        share,
        paired=True,
        n_resamples=9999,
        method="BCa",
        rng=np.random.default_rng(1),
    ).confidence_interval
    assert found["lower_bound"] == pytest.approx(theirs.low, abs=0.01)
    assert found["upper_bound"] == pytest.approx(theirs.high, abs=0.01)


def test_pooled_share_solves_paule_and_mandel() -> None:
    hits, sizes = np.array([11.0, 75, 26, 30]), np.array([66.0, 118, 67, 72])
    found = accuracy.pool(hits, sizes, 0.95)
    logit, variance = np.log(hits / (sizes - hits)), 1 / hits + 1 / (sizes - hits)

    def excess(tau: float) -> float:
        weights = 1 / (variance + tau)
        mean = (weights * logit).sum() / weights.sum()
        return float((weights * (logit - mean) ** 2).sum() - 3)

    tau = optimize.brentq(excess, 0, 10, xtol=1e-14)
    weights = 1 / (variance + tau)
    mean = (weights * logit).sum() / weights.sum()
    knapp = np.sqrt((weights * (logit - mean) ** 2).sum() / 3 / weights.sum())
    spread = np.sqrt(tau + 1 / weights.sum())
    assert found["tau_squared"] == pytest.approx(tau, rel=1e-9)
    assert found["pooled_share"] == pytest.approx(special.expit(mean), rel=1e-9)
    t = scipy_stats.t.ppf(0.975, [3, 2])
    assert found["ci_lower"] == pytest.approx(special.expit(mean - t[0] * knapp), rel=1e-9)
    assert found["prediction_upper"] == pytest.approx(special.expit(mean + t[1] * spread), rel=1e-9)


def test_two_series_alike_have_no_spread_and_one_at_the_end_is_pooled() -> None:
    found = accuracy.pool(np.array([5.0, 10]), np.array([10.0, 20]), 0.95)
    assert found["tau_squared"] == 0 and found["i_squared"] == 0
    assert found["pooled_share"] == pytest.approx(0.5)
    assert "prediction_lower" not in found
    assert 0 < accuracy.pool(np.array([0.0, 10]), np.array([10.0, 10]), 0.95)["pooled_share"] < 1
    with pytest.raises(NotEstimable, match="one series only"):
        accuracy.pool(np.array([5.0]), np.array([10.0]), 0.95)


@pytest.mark.parametrize(
    ("hits", "sizes"),
    [([0, 0], [5, 5]), ([10, 20, 30], [20, 40, 60]), ([10, 21, 29], [20, 40, 60])],
)
def test_series_that_differ_less_than_by_chance_do_not_narrow_the_interval(
    hits: list[float], sizes: list[float]
) -> None:
    """As one series of fixed effect, with t on k - 1: the variance is that of the whole."""
    found = accuracy.pool(np.array(hits, dtype=float), np.array(sizes, dtype=float), 0.95)
    half = 0.5 * (np.array(hits) == 0)
    x, rest = np.array(hits) + half, np.array(sizes) - np.array(hits) + half
    weights = 1 / (1 / x + 1 / rest)
    mean = (weights * np.log(x / rest)).sum() / weights.sum()
    reach = scipy_stats.t.ppf(0.975, len(hits) - 1) / np.sqrt(weights.sum())
    assert found["tau_squared"] == 0
    assert found["ci_lower"] == pytest.approx(special.expit(mean - reach), rel=1e-9)
    assert found["ci_upper"] == pytest.approx(special.expit(mean + reach), rel=1e-9)


LITERATURE = """
    create schema marts;
    create table marts.build_settings as select 'confidence_level' as setting, '0.95' as value;
    create table marts.literature_evidence as
    select
        study, year, unit, index_test, stratum, parent_stratum, nonviable, evaluated,
        nonviable / evaluated as proportion, 1e-1 as ci_lower, 9e-1 as ci_upper,
        false as is_this_trial, cast(null as varchar) as population
    from (values
        ('A', 2006, 'lesion', 'CT', 'all', null, 11, 66),
        ('A', 2006, 'lesion', 'CT', 'resected', 'all', 3, 15),
        ('B', 2010, 'lesion', 'CT', 'all', null, 75, 118),
        ('B', 2010, 'lesion', 'CT', 'followed', 'all', 31, 50),
        ('C', 2012, 'lesion', 'MRI', 'all', null, 30, 72),
        ('D', 2004, 'patient', 'CT', 'left in place', null, 8, 11)
    ) as given (
        study, year, unit, index_test, stratum, parent_stratum, nonviable, evaluated
    );
    insert into marts.literature_evidence values
    ('This trial', null, 'lesion', 'CT and MRI', 'all', null, 95, 152, 0.625, 0.52, 0.72, true,
        'ct_mri');
"""


def test_no_stratum_is_pooled_with_its_whole_nor_patients_with_lesions() -> None:
    connection = duckdb.connect()
    connection.execute(LITERATURE)
    pooled = {(row["unit"], row["stratum"]): row for row in accuracy.pooled_literature(connection)}
    assert pooled[("lesion", "all")]["studies"] == "A 2006; B 2010; C 2012"
    assert pooled[("lesion", "all")]["evaluated"] == 66 + 118 + 72
    assert pooled[("lesion", "all")]["trial_share"] == 0.625
    for key in (("lesion", "resected"), ("lesion", "followed"), ("patient", "followed")):
        assert pooled[key]["status"] == "not estimable"
    assert len(pooled) == 4


def test_a_series_never_counts_twice() -> None:
    connection = duckdb.connect()
    connection.execute(LITERATURE)
    connection.execute(
        "insert into marts.literature_evidence select * replace ('MRI' as index_test)"
        " from marts.literature_evidence where study = 'B' and stratum = 'all'"
    )
    [row] = [
        row
        for row in accuracy.pooled_literature(connection)
        if (row["unit"], row["stratum"]) == ("lesion", "all")
    ]
    assert row["reason"] == "a series would count twice" and "pooled_share" not in row


def test_every_part_of_a_population_has_a_row() -> None:
    connection = duckdb.connect()
    connection.execute(
        """
        create schema marts; create schema intermediate;
        create table marts.build_settings as select 'confidence_level' as setting, '0.95' as value;
        create table intermediate.int_concordance_patient as
        from (values
            ('ct', 'overall', 'all', 'P1', 3, 1), ('ct', 'overall', 'all', 'P2', 2, 2),
            ('ct', 'overall', 'all', 'P3', 4, 1), ('ct', 'disposition', 'resected', 'P1', 3, 1),
            ('ct', 'region', 'Japan', 'P1', 3, 1),
            ('ct', 'disposition', 'left_in_place', 'P2', 0, 0)
        ) as given (population, stratum, stratum_value, patient_id, n_evaluable, n_nonviable)
        """
    )
    by_name = {analysis.name: analysis for analysis in accuracy.ANALYSES}
    for name in ("npv_gee", "npv_bootstrap"):
        found = stats.run(by_name[name], connection)
        assert [(row["stratum_value"], row["status"]) for row in found] == [
            ("all", "estimated"),
            ("resected", "not estimable"),
        ]
        assert found[0]["lower_bound"] < found[0]["share"] < found[0]["upper_bound"]
        assert found[1]["reason"].startswith("one patient only")
