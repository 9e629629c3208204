"""The survival macros against R, lifelines and closed forms; the check of the marts' curves."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pytest
from lifelines import KaplanMeierFitter
from lifelines.statistics import multivariate_logrank_test
from macro_harness import render
from numpy.typing import NDArray
from scipy import optimize
from survival_harness import Estimates, estimate, incidence, subjects_of

from dlm import survival
from dlm.errors import DlmError

ORACLE = Path(__file__).resolve().parents[1] / "oracle" / "survival"
DATASETS = [
    *("lung", "veteran", "veteran_cells", "aml", "colon", "freireich", "ties"),
    *("random1", "random2", "random3"),
]
Z = 1.959963984540054
Doubles = NDArray[np.float64]


def oracle(name: str, dataset: str) -> pd.DataFrame:
    table = pd.read_csv(ORACLE / f"{name}.csv", dtype={"grp": str, "stratum": str})
    return table[table["dataset"] == dataset].reset_index(drop=True)


@pytest.fixture(scope="module", params=DATASETS)
def dataset(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def estimates(dataset: str) -> Estimates:
    landmark = float(oracle("summary", dataset)["landmark"].iloc[0])
    return estimate(oracle("subjects", dataset), [(1, landmark)])


def chosen(table: pd.DataFrame, group: str, conf_type: str) -> pd.DataFrame:
    return table[(table["grp"] == group) & (table["conf_type"] == conf_type)]


# ---------------------------------------------------------------------------------- against R


def test_curves_are_those_of_r(dataset: str, estimates: Estimates) -> None:
    key = ["grp", "conf_type", "time"]
    expected = oracle("curve", dataset).sort_values(key, ignore_index=True)
    computed = estimates.curve.rename(columns={"time_value": "time"})
    computed = computed.sort_values(key, ignore_index=True)
    assert len(computed) == len(expected)
    for column in (*key, "n_risk", "n_event", "n_censor"):
        assert (computed[column] == expected[column]).all(), column
    for column in ("survival", "std_err", "ci_lower", "ci_upper"):
        np.testing.assert_allclose(
            computed[column], expected[column], rtol=0, atol=1e-12, err_msg=column
        )


def test_what_is_read_off_a_curve_is_that_of_r(dataset: str, estimates: Estimates) -> None:
    key = ["grp", "conf_type"]
    expected = oracle("summary", dataset).sort_values(key, ignore_index=True)
    quantiles = estimates.quantiles.sort_values(key, ignore_index=True)
    for computed, by_r in (
        ("quantile", "median"),
        ("quantile_lower", "median_lower"),
        ("quantile_upper", "median_upper"),
    ):
        np.testing.assert_array_equal(quantiles[computed], expected[by_r], err_msg=by_r)
    followup = estimates.followup.sort_values(key, ignore_index=True)
    np.testing.assert_array_equal(followup["quantile"], expected["followup_median"])
    at = estimates.landmarks.sort_values(key, ignore_index=True)
    for computed, by_r in (
        ("survival", "survival_at"),
        ("ci_lower", "lower_at"),
        ("ci_upper", "upper_at"),
    ):
        np.testing.assert_allclose(at[computed], expected[by_r], rtol=0, atol=1e-12)
    means = expected.drop_duplicates("grp").merge(estimates.means, on="grp")
    np.testing.assert_array_equal(means["horizon_x"], means["horizon_y"])
    np.testing.assert_allclose(means["restricted_mean"], means["rmst"], rtol=1e-12)
    np.testing.assert_allclose(means["std_err"], means["rmst_std_err"], rtol=1e-11)


def test_comparisons_are_those_of_r(dataset: str, estimates: Estimates) -> None:
    same_comparison(oracle("comparison", dataset), estimates.log_rank, estimates.cox)


def test_stratified_comparisons_are_those_of_r(dataset: str, estimates: Estimates) -> None:
    expected = oracle("stratified", dataset)
    if expected.empty:
        # one stratum is none
        pd.testing.assert_frame_equal(estimates.stratified_log_rank, estimates.log_rank)
        pd.testing.assert_frame_equal(estimates.stratified_cox, estimates.cox)
        return
    same_comparison(expected, estimates.stratified_log_rank, estimates.stratified_cox)


def same_comparison(by_r: pd.DataFrame, log_ranks: pd.DataFrame, coxes: pd.DataFrame) -> None:
    expected, log_rank = by_r.iloc[0], log_ranks.iloc[0]
    assert (log_rank["n_groups"], log_rank["df"]) == (expected["n_groups"], expected["df"])
    assert log_rank["logrank_chi2"] == pytest.approx(expected["chi2"], rel=1e-10)
    assert log_rank["p_value"] == pytest.approx(expected["p_value"], rel=1e-10)
    if expected["df"] > 1:
        assert coxes.empty
        return
    cox = coxes.iloc[0]
    beta, std_err = expected["log_hazard_ratio"], expected["std_err"]
    assert cox["log_hazard_ratio"] == pytest.approx(beta, rel=1e-9)
    assert cox["std_err"] == pytest.approx(std_err, rel=1e-11)
    assert cox["hazard_ratio"] == pytest.approx(np.exp(beta), rel=1e-10)
    assert cox["hr_lower"] == pytest.approx(np.exp(beta - Z * std_err), rel=1e-10)
    assert cox["hr_upper"] == pytest.approx(np.exp(beta + Z * std_err), rel=1e-10)


def test_incidence_is_that_of_prodlim() -> None:
    expected = pd.read_csv(ORACLE / "incidence.csv", dtype={"grp": str})
    expected = expected.sort_values(["dataset", "grp", "time"], ignore_index=True)
    computed = incidence(pd.read_csv(ORACLE / "competing_subjects.csv", dtype={"grp": str}))
    assert len(computed) == len(expected)
    for column, by_r in (("time_value", "time"), ("n_risk", "n_risk"), ("n_censor", "n_censor")):
        np.testing.assert_array_equal(computed[column], expected[by_r], err_msg=column)
    for column in ("incidence", "incidence_competing"):
        np.testing.assert_allclose(computed[column], expected[column], rtol=0, atol=1e-12)
    np.testing.assert_allclose(computed["std_err"], expected["std_err"], rtol=0, atol=1e-10)
    share, std_err = computed["incidence"].to_numpy(), computed["std_err"].to_numpy()
    inside = (share > 0) & (share < 1)
    assert computed["ci_lower"].notna().tolist() == inside.tolist()
    spread = np.exp(Z * std_err[inside] / (share[inside] * np.log(share[inside])))
    np.testing.assert_allclose(computed["ci_lower"][inside], share[inside] ** (1 / spread))
    np.testing.assert_allclose(computed["ci_upper"][inside], share[inside] ** spread)
    assert ((computed["ci_lower"] <= share) & (share <= computed["ci_upper"]))[inside].all()
    total = computed["incidence"] + computed["incidence_competing"] + computed["event_free"]
    np.testing.assert_allclose(total, 1, rtol=0, atol=1e-12)


def test_without_competing_events_incidence_is_what_survival_leaves() -> None:
    subjects = random_trial(8, 120, 2)
    curve = estimate(subjects).curve
    found = incidence(subjects.rename(columns={"event": "outcome"}))
    kaplan_meier = curve[curve["conf_type"] == "log"]
    np.testing.assert_allclose(found["incidence"], 1 - kaplan_meier["survival"], atol=1e-12)
    ended = kaplan_meier["survival"].to_numpy() > 0
    np.testing.assert_allclose(
        found["std_err"][ended], kaplan_meier["std_err"][ended], rtol=0, atol=1e-9
    )


@pytest.mark.parametrize("name", ["veteran", "lung"])
def test_models_of_several_covariates_are_those_of_r(name: str) -> None:
    from dlm.stats import cox

    subjects = oracle("model_subjects", name).pivot(
        index=["subject", "time", "event"], columns="term", values="value"
    )
    found = pd.DataFrame(cox.fit(subjects.reset_index().drop(columns="subject"), "time", "event"))
    expected = oracle("models", name).set_index("term").loc[found["term"]]
    for column in ("log_hazard_ratio", "std_err", "ph_chi2"):
        np.testing.assert_allclose(found[column], expected[column], rtol=1e-9, err_msg=column)


@pytest.mark.parametrize("power", [1, 2])
def test_harmonic_sums(power: int) -> None:
    connection = duckdb.connect()
    for y, n in itertools.product([1, 1.25, 3, 17.5, 400.25, 4.5e6], [1, 2, 10, 11, 40, 5000]):
        total = render(f"harmonic_sum('y', 'n', {power})")
        query = f"select {total} from (select {y}::double as y, {n}::double as n)"
        found = connection.execute(query).fetchall()[0][0]
        assert found == pytest.approx(math.fsum((y + j) ** -power for j in range(n)), rel=2e-15)


def test_published_numbers_appear() -> None:
    found = estimate(oracle("subjects", "freireich"))
    medians = found.quantiles.set_index(["grp", "conf_type"])["quantile"]
    assert medians["6-MP", "log"] == 23
    assert medians["placebo", "log"] == 8
    assert round(found.log_rank["logrank_chi2"].iloc[0], 2) == 16.79
    assert found.cox["hr_contrast"].iloc[0] == "placebo vs 6-MP"


# ------------------------------------------------------------------ against other code, any data


def random_trial(seed: int, size: int, n_groups: int) -> pd.DataFrame:
    """Whole-day times with ties and day 0, groups that differ."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_groups, size)
    times = np.floor(rng.exponential(40 + 25 * group)).astype(int)
    return pd.DataFrame(
        {
            "dataset": "random",
            "grp": group.astype(str),
            "time": times,
            "event": (rng.random(size) < 0.7).astype(int),
        }
    )


def side_by_side(trials: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """Trials as datasets 0, 1, ... of one run of the macros: to plan it takes most of its time."""
    return pd.concat([trial.assign(dataset=str(number)) for number, trial in enumerate(trials)])


def test_curves_are_those_of_lifelines() -> None:
    trials = (random_trial(seed, size, 2) for seed, size in ((1, 45), (2, 200), (3, 3000)))
    subjects = side_by_side(trials)
    curves = estimate(subjects).curve
    for (trial, group), members in subjects.groupby(["dataset", "grp"]):
        fitter = KaplanMeierFitter().fit(members["time"], members["event"])
        curve = chosen(curves[curves["dataset"] == trial], group, "log-log")
        np.testing.assert_allclose(
            curve["survival"], fitter.predict(curve["time_value"]), rtol=0, atol=1e-9
        )
        inside = curve[(curve["survival"] > 0) & (curve["survival"] < 1)]
        bounds = fitter.confidence_interval_.loc[inside["time_value"]]
        np.testing.assert_allclose(inside[["ci_lower", "ci_upper"]], bounds, rtol=0, atol=1e-9)


def test_log_rank_is_that_of_lifelines() -> None:
    sizes = [2, 3, 6]
    subjects = side_by_side(random_trial(10 + n_groups, 300, n_groups) for n_groups in sizes)
    found = estimate(subjects).log_rank.set_index("dataset")
    assert found["df"].tolist() == [n_groups - 1 for n_groups in sizes]
    for trial, own in subjects.groupby("dataset"):
        expected = multivariate_logrank_test(own["time"], own["grp"], own["event"])
        for column, by_lifelines in (
            ("logrank_chi2", expected.test_statistic),
            ("p_value", expected.p_value),
        ):
            assert found.loc[trial, column] == pytest.approx(by_lifelines, rel=1e-9), trial


def efron_score(subjects: pd.DataFrame, beta: float) -> tuple[float, float]:
    """Score and information of the partial likelihood, of group '1' against '0', from its sums."""
    index = (subjects["grp"] == "1").to_numpy()
    time, event = subjects["time"].to_numpy(), subjects["event"].to_numpy() == 1
    weight = np.where(index, np.exp(beta), 1.0)
    score, information = 0.0, 0.0
    for when in np.unique(time[event]):
        at_risk, tied = time >= when, (time == when) & event
        for place in range(tied.sum()):
            gone = place / tied.sum()
            total = weight[at_risk].sum() - gone * weight[tied].sum()
            share = (weight[at_risk & index].sum() - gone * weight[tied & index].sum()) / total
            score -= share
            information += share - share**2
        score += (tied & index).sum()
    return score, information


def test_cox_solves_efrons_equation() -> None:
    trials = [random_trial(seed, 30 + 10 * (seed % 5), 2) for seed in range(20, 28)]
    found = estimate(side_by_side(trials)).cox.set_index("dataset")
    for number, subjects in enumerate(trials):
        cox = found.loc[str(number)]

        def score(beta: float, subjects: pd.DataFrame = subjects) -> float:
            return efron_score(subjects, beta)[0]

        root = optimize.brentq(score, -12, 12, xtol=1e-14, rtol=1e-14)
        assert cox["log_hazard_ratio"] == pytest.approx(root, rel=1e-9, abs=1e-12), number
        std_err = efron_score(subjects, root)[1] ** -0.5
        assert cox["std_err"] == pytest.approx(std_err, rel=1e-9), number


def test_cox_reaches_a_distant_ratio() -> None:
    # group 1 goes first, but for one who outlives an event of the other group
    subjects = pd.concat(
        [
            subjects_of("1", [*range(400), 401], [1] * 401),
            subjects_of("0", [400, *[500] * 49], [1, *[0] * 49]),
        ]
    )
    root = optimize.brentq(lambda beta: efron_score(subjects, beta)[0], 0, 20, xtol=1e-13)
    assert root > 5
    found = estimate(subjects).cox.iloc[0]
    assert found["log_hazard_ratio"] == pytest.approx(root, rel=1e-9)


def naive_curve(time: Doubles, event: Doubles) -> list[tuple[float, float, float]]:
    """Time, survival and Greenwood's sum at each distinct time, by their definitions."""
    steps = []
    survival, greenwood = 1.0, 0.0
    for when in np.unique(time):
        at_risk = (time >= when).sum()
        events = ((time == when) & (event == 1)).sum()
        survival *= 1 - events / at_risk
        greenwood += events / (at_risk * (at_risk - events)) if at_risk > events else 0.0
        steps.append((float(when), survival, greenwood))
    return steps


def area(steps: list[tuple[float, float, float]], start: float, end: float) -> float:
    """Area under the curve from start to end."""
    knots = sorted({start, end, *(time for time, _, _ in steps if start < time < end)})
    total = 0.0
    for left, right in itertools.pairwise(knots):
        held = [survival for time, survival, _ in steps if time <= left]
        total += (held[-1] if held else 1.0) * (right - left)
    return total


def test_any_small_trial() -> None:
    """Two hundred trials of up to 25 subjects with many ties, in one run of the macros."""
    random = np.random.default_rng(12)
    sizes = random.integers(1, 26, 200)
    subjects = pd.DataFrame(
        {
            "dataset": np.repeat([f"{number:03}" for number in range(sizes.size)], sizes),
            "grp": random.integers(0, 2, sizes.sum()).astype(str),
            "time": random.integers(0, np.repeat(random.integers(1, 14, sizes.size), sizes)),
            # of some trials nobody, of some everybody has an event
            "event": random.random(sizes.sum())
            < np.repeat(random.choice([0, 0.2, 0.5, 0.8, 1], sizes.size), sizes),
        }
    ).astype({"event": int})
    found = estimate(subjects, [(1, 6.0)])
    key = ["dataset", "grp"]
    log = [table[table["conf_type"] == "log"] for table in (found.curve, found.landmarks)]
    curves, landmarks = (dict(list(table.groupby(key))) for table in log)
    means = {name: own.iloc[0] for name, own in found.means.groupby(key)}
    horizons = subjects.groupby(key)["time"].max().groupby("dataset").min()
    for name, members in subjects.groupby(key):
        trial = members["dataset"].iloc[0]
        where = f"{name}: {members[['time', 'event']].to_numpy().tolist()}"
        time, event = members["time"].to_numpy(), members["event"].to_numpy()
        horizon = horizons[trial]
        steps = naive_curve(time, event)
        expected = [survival for _, survival, _ in steps]
        assert curves[name]["survival"].tolist() == pytest.approx(expected, abs=1e-12), where
        mean = means[name]
        assert mean["horizon"] == horizon, where
        if horizon == 0:
            assert mean[["restricted_mean", "std_err"]].isna().all(), where
            assert mean["not_estimable_reason"] == "a group has no time after 0", where
        else:
            expected_mean = pytest.approx(area(steps, 0, horizon), abs=1e-12)
            assert mean["restricted_mean"] == expected_mean, where
        before = [0.0, *(greenwood for _, _, greenwood in steps)]
        variance = sum(
            area(steps, when, horizon) ** 2 * (greenwood - earlier)
            for (when, _, greenwood), earlier in zip(steps, before, strict=False)
            if when < horizon
        )
        if variance:
            assert mean["std_err"] == pytest.approx(variance**0.5, abs=1e-12), where
        else:
            assert np.isnan(mean["std_err"]) and mean["not_estimable_reason"], where
        at = landmarks[name]["survival"].iloc[0]
        held = [1.0, *(survival for when, survival, _ in steps if when <= 6)][-1]
        if time.max() >= 6 or held == 0:
            assert at == pytest.approx(held, abs=1e-12), where
        else:
            assert np.isnan(at), where


# ------------------------------------------------------------------------------------ edges


def test_no_interval_where_there_is_none() -> None:
    found = estimate(subjects_of("x", [0, 3, 5], [0, 1, 1])).curve
    log = found[found["conf_type"] == "log"]
    log_log = found[found["conf_type"] == "log-log"]
    assert log["survival"].tolist() == [1.0, 0.5, 0.0]
    assert log["ci_lower"].isna().tolist() == [False, False, True]
    assert (log["ci_lower"].iloc[0], log["ci_upper"].iloc[0]) == (1, 1)
    assert log_log["ci_lower"].isna().tolist() == [True, False, True]
    assert log_log["ci_upper"].isna().tolist() == [True, False, True]
    assert log["std_err"].isna().tolist() == [False, False, True]


def test_median() -> None:
    cases = [
        ([2, 4, 6, 8], [1, 1, 1, 1], 5.0),  # level at one half from 4 to 6
        ([2, 4, 6, 8], [1, 1, 0, 0], 6.0),  # and to the last time, without another event
        ([2, 4, 6, 8], [1, 0, 0, 0], np.nan),
        ([0, 0, 0, 5], [1, 1, 1, 0], 0.0),
        ([7], [1], 7.0),
        ([7], [0], np.nan),
        # 0.5 by way of factors that round: 9/10 * 8/9 * ... * 5/6
        ([*range(1, 11)], [1] * 10, 5.5),
    ]
    subjects = side_by_side(subjects_of("x", times, events) for times, events, _ in cases)
    found = estimate(subjects).quantiles.sort_values("dataset")
    medians = [median for *_, median in cases for _ in ("log", "log-log")]
    np.testing.assert_array_equal(found["quantile"], medians)


def test_one_subject_and_no_event() -> None:
    found = estimate(subjects_of("x", [9], [0]), [(1, 9.0), (2, 9.5)])
    assert found.curve[["n_risk", "n_event", "n_censor"]].to_numpy().tolist() == [[1, 0, 1]] * 2
    mean = found.means.iloc[0]
    assert (mean["restricted_mean"], mean["horizon"]) == (9, 9) and np.isnan(mean["std_err"])
    assert mean["not_estimable_reason"] == "no standard error: no event before the horizon"
    assert found.followup["quantile"].tolist() == [9, 9]
    log = found.landmarks[found.landmarks["conf_type"] == "log"]
    assert log["survival"].fillna(-1).tolist() == [1, -1]


def test_survival_stays_at_zero_after_the_last_event() -> None:
    found = estimate(subjects_of("x", [1, 2], [1, 1]), [(1, 0.5), (2, 2.0), (3, 99.0)]).landmarks
    log = found[found["conf_type"] == "log"]
    assert log["survival"].tolist() == [1, 0, 0]
    assert log["ci_lower"].fillna(-1).tolist() == [1, -1, -1]
    log_log = found[found["conf_type"] == "log-log"]
    assert log_log["ci_lower"].isna().all()


@pytest.mark.parametrize(
    ("other", "tested", "ratio"),
    [
        (subjects_of("y", [5, 6], [0, 0]), True, False),  # a group without events
        (subjects_of("y", [1, 1], [0, 0]), False, False),  # gone before any event
        (subjects_of("y", [2, 3], [1, 0]), True, True),
    ],
)
def test_comparison_that_cannot_be_made(other: pd.DataFrame, tested: bool, ratio: bool) -> None:
    found = estimate(pd.concat([subjects_of("x", [2, 3, 4], [1, 0, 1]), other]))
    assert pd.notna(found.log_rank["logrank_chi2"].iloc[0]) == tested
    assert pd.notna(found.log_rank["p_value"].iloc[0]) == tested
    assert found.log_rank["n_groups"].iloc[0] == 2
    assert pd.notna(found.cox["hazard_ratio"].iloc[0]) == ratio
    assert pd.notna(found.cox["hr_upper"].iloc[0]) == ratio


def test_one_group_has_no_comparison() -> None:
    found = estimate(subjects_of("x", [2, 3, 4], [1, 0, 1]))
    assert found.cox.empty
    assert found.log_rank["n_groups"].tolist() == [1]
    assert found.log_rank["logrank_chi2"].isna().all()


# ------------------------------------------------------------------------- dlm.survival


@pytest.fixture(scope="module")
def small_trial() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Patients of a trial, and their curves made by the macros."""
    rows = random_trial(5, 60, 2)
    groups = {"0": "all_resected", "1": "some_left"}
    patients = pd.DataFrame(
        {
            "patient_id": [f"P{number:03}" for number in range(len(rows))],
            "paramcd": "RFS",
            "aval": rows["time"],
            "cnsr": 1 - rows["event"],
            "resection_group": rows["grp"].map(groups).where(rows.index % 5 > 0, None),
        }
    )
    known = patients.dropna(subset="resection_group")
    subjects = pd.concat(
        [
            subjects_of("all", patients["aval"], 1 - patients["cnsr"], "overall"),
            *(
                subjects_of(group, own["aval"], 1 - own["cnsr"], "resection_group")
                for group, own in known.groupby("resection_group")
            ),
        ]
    )
    return patients, estimate(subjects).curve


@pytest.fixture
def small_warehouse(small_trial: tuple[pd.DataFrame, pd.DataFrame]) -> duckdb.DuckDBPyConnection:
    """The marts that dlm.survival reads."""
    patients, curve = small_trial
    connection = duckdb.connect()
    connection.execute("create schema marts")
    connection.register("patients", patients)
    connection.execute("create table marts.time_to_event as from patients")
    connection.register("curve", curve)
    connection.execute(
        "create table marts.km_curve as select 'RFS' as paramcd, dataset as grouping,"
        " grp as group_value, conf_type, cast(time_value as integer) as time_days,"
        " * exclude (dataset, grp, conf_type, time_value) from curve"
    )
    connection.execute(
        "create table marts.build_settings as select 'confidence_level' as setting, '0.95' as value"
    )
    return connection


def steps_in(connection: duckdb.DuckDBPyConnection) -> int:
    return int(connection.sql("select count(*) from marts.km_curve").fetchall()[0][0])


def test_equal_curves_pass(small_warehouse: duckdb.DuckDBPyConnection) -> None:
    assert survival.verify_curves(small_warehouse) == steps_in(small_warehouse) > 100


def test_curves_are_the_steps_of_the_marts(small_warehouse: duckdb.DuckDBPyConnection) -> None:
    found = survival.curves(small_warehouse)
    assert [*found] == [
        ("RFS", "overall", "all"),
        ("RFS", "resection_group", "all_resected"),
        ("RFS", "resection_group", "some_left"),
    ]
    assert 2 * sum(len(steps) for steps in found.values()) == steps_in(small_warehouse)


@pytest.mark.parametrize("column", ["survival", "ci_upper", "n_risk"])
def test_a_differing_step_is_named(small_warehouse: duckdb.DuckDBPyConnection, column: str) -> None:
    day = small_warehouse.sql(
        "select min(time_days) from marts.km_curve where group_value = 'some_left'"
        " and time_days > 20 and survival between 0.1 and 0.9"
    ).fetchall()[0][0]
    small_warehouse.execute(
        f"update marts.km_curve set {column} = {column} + case when '{column}' = 'n_risk' then 1"
        " else 2e-9 end where group_value = 'some_left' and conf_type = 'log-log'"
        f" and time_days >= {day} and survival > 0 and survival < 1"
    )
    with pytest.raises(survival.SurvivalMismatch) as raised:
        survival.verify_curves(small_warehouse)
    text = str(raised.value)
    assert f"RFS, resection_group some_left, log-log, day {day}: {column} is" in text
    assert f"of {steps_in(small_warehouse)} steps" in text
    assert isinstance(raised.value, DlmError)


def test_a_difference_within_rounding_passes(small_warehouse: duckdb.DuckDBPyConnection) -> None:
    small_warehouse.execute("update marts.km_curve set survival = survival + 5e-10")
    assert survival.verify_curves(small_warehouse) == steps_in(small_warehouse)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            "delete from marts.km_curve where time_days ="
            " (select max(time_days) from marts.km_curve)",
            "is absent in marts.km_curve",
        ),
        (
            "insert into marts.km_curve by name select * replace (99999 as time_days)"
            " from marts.km_curve limit 1",
            "absent by lifelines",
        ),
        ("update marts.km_curve set survival = null where time_days > 10", "survival is absent"),
        ("delete from marts.km_curve", "is absent in marts.km_curve"),
        ("delete from marts.time_to_event", "absent by lifelines"),
    ],
)
def test_steps_that_one_side_lacks_are_named(
    small_warehouse: duckdb.DuckDBPyConnection, change: str, text: str
) -> None:
    small_warehouse.execute(change)
    with pytest.raises(survival.SurvivalMismatch, match=text):
        survival.verify_curves(small_warehouse)


def test_a_trial_without_operations_has_nothing_to_compare(
    small_warehouse: duckdb.DuckDBPyConnection,
) -> None:
    small_warehouse.execute("delete from marts.km_curve")
    small_warehouse.execute("delete from marts.time_to_event")
    assert survival.curves(small_warehouse) == {}
    assert survival.verify_curves(small_warehouse) == 0
