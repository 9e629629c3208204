"""The concordance marts of the seeds, computed again lesion by lesion with numpy and scipy."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats

from dlm.wording import wording


@pytest.fixture
def lesions(warehouse: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Baseline lesions with the region and data centre of their patient."""
    return warehouse.execute(
        """
        select fct_lesion.*, dim_patient.region, dim_patient.data_centre, 'all' as overall
        from core.fct_lesion
        inner join core.dim_patient using (patient_id)
        where is_baseline_lesion
        """
    ).fetchdf()


def test_concordance_is_what_the_lesions_say(
    warehouse: duckdb.DuckDBPyConnection, lesions: pd.DataFrame
) -> None:
    rows = warehouse.execute("from marts.modality_concordance").fetchdf()
    assert len(rows) > 50
    for row in rows.to_dict("records"):
        members = stratum_of(population_of(lesions, row["population"]), row)
        flag = "is_evaluable_ceious" if row["population"] == "ct_mri_ceious" else "is_evaluable"
        evaluable = members[members[flag]]
        nonviable = np.asarray(evaluable["reference_verdict"] == "nonviable", dtype=np.float64)
        assert row["n_lesions"] == len(members)
        assert row["n_patients_population"] == members["patient_id"].nunique()
        assert row["n_evaluable"] == len(evaluable)
        assert row["n_nonviable"] == nonviable.sum()
        for name, value in clustered(nonviable, evaluable["patient_id"].to_numpy()).items():
            assert row[name] == pytest.approx(value, abs=1e-10, nan_ok=True), (name, row)


def population_of(lesions: pd.DataFrame, population: str) -> pd.DataFrame:
    """Lesions of a population by TRIAL's words, with the band of lesions per patient."""
    gone = lesions["is_operated"] & (lesions["ct_verdict"] == "not_visible")
    mri, ceious = lesions["mri_verdict"], lesions["ceious_verdict"]
    chosen = {
        "ct": gone,
        "ct_mri": gone & (mri == "not_visible"),
        "ct_gone_mri_visible": gone & (mri == "visible"),
        "ct_gone_mri_unknown": gone & ~mri.isin(["visible", "not_visible"]),
        "ct_mri_ceious": gone & (mri == "not_visible") & (ceious == "not_visible"),
    }[population]
    members = lesions[chosen].copy()
    per_patient = members.groupby("patient_id")["lesion_id"].transform("count")
    members["lesions_per_patient"] = [
        "1" if n == 1 else "2-4" if n <= 4 else "5-9" if n <= 9 else "10+" for n in per_patient
    ]
    return members


def stratum_of(members: pd.DataFrame, row: dict[Any, Any]) -> pd.DataFrame:
    chosen = members[row["stratum"]].fillna("missing") == row["stratum_value"]
    stratum: pd.DataFrame = members.loc[chosen]
    return stratum


def clustered(y: NDArray[np.float64], patients: NDArray[Any]) -> dict[str, float]:
    """Share, ANOVA ICC and intervals of outcomes y in clusters, by their definitions."""
    nothing = dict.fromkeys(
        ["npv", "icc", "design_effect", "n_effective", "naive_lower", "naive_upper"], np.nan
    )
    if not len(y):
        return nothing | {"clustered_lower": np.nan, "clustered_upper": np.nan}
    groups = [y[patients == patient] for patient in np.unique(patients)]
    sizes = np.array([len(group) for group in groups], dtype=float)
    n, k, share = len(y), len(groups), float(y.mean())
    icc = np.nan
    if 1 < k < n and 0 < share < 1:
        between = sum(len(g) * (g.mean() - share) ** 2 for g in groups) / (k - 1)
        within = sum(((g - g.mean()) ** 2).sum() for g in groups) / (n - k)
        typical = (n - (sizes**2).sum() / n) / (k - 1)
        icc = float((between - within) / (between + (typical - 1) * within))
    effect = 1 + ((sizes**2).sum() / n - 1) * max(np.nan_to_num(icc), 0)
    naive = wilson(share, n, stats.norm.ppf(0.975))
    wide = wilson(share, n / effect, stats.t.ppf(0.975, k - 1)) if k > 1 else (np.nan, np.nan)
    return {
        "npv": share,
        "icc": icc,
        "design_effect": effect,
        "n_effective": n / effect,
        "naive_lower": naive[0],
        "naive_upper": naive[1],
        "clustered_lower": wide[0],
        "clustered_upper": wide[1],
    }


def wilson(share: float, n: float, z: float) -> tuple[float, float]:
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return centre - half, centre + half


def test_kappa_is_what_the_lesions_say(
    warehouse: duckdb.DuckDBPyConnection, lesions: pd.DataFrame
) -> None:
    operated = lesions[lesions["is_operated"]]
    rows = warehouse.execute("from marts.modality_agreement where kind = 'test'").fetchdf()
    assert len(rows) == 6
    for row in rows.to_dict("records"):
        verdicts = operated[[f"{row[side].lower()}_verdict" for side in ("first", "second")]]
        pairs = verdicts[verdicts.isin(["visible", "not_visible"]).all(axis=1)] == "visible"
        first, second = pairs.to_numpy(dtype=float).T
        by_chance = first.mean() * second.mean() + (1 - first.mean()) * (1 - second.mean())
        observed = (first == second).mean()
        assert row["n_pairs"] == len(pairs)
        assert row["n_unpaired"] == len(operated) - len(pairs)
        assert row["agreement"] == pytest.approx(observed)
        assert row["kappa"] == pytest.approx((observed - by_chance) / (1 - by_chance))


def test_bounds_of_lesions_that_are_not_evaluable(
    warehouse: duckdb.DuckDBPyConnection, lesions: pd.DataFrame
) -> None:
    confirmed = population_of(lesions, "ct_mri")
    unknown = confirmed[~confirmed["is_evaluable"]]["reference_verdict"]
    nonviable = (confirmed["is_evaluable"] & (confirmed["reference_verdict"] == "nonviable")).sum()
    bounds = {
        row[0]: row[1:]
        for row in warehouse.execute(
            """
            select method, numerator, numerator_upper, denominator, lower_bound, upper_bound
            from marts.modality_concordance_sensitivity
            where population = 'ct_mri' and stratum = 'overall' and kind = 'bounds'
            """
        ).fetchall()
    }
    assert bounds["bounds_all_unknown"] == (95, 146, 203, 95 / 203, 146 / 203)
    lowest = nonviable + (unknown == "nonviable").sum()
    highest = nonviable + (unknown != "viable").sum()
    assert nonviable < lowest and highest < 146
    assert bounds["bounds_known_truth"][:3] == (lowest, highest, len(confirmed))


def test_sensitivity_analyses_are_what_the_lesions_say(
    warehouse: duckdb.DuckDBPyConnection, lesions: pd.DataFrame
) -> None:
    rows = warehouse.execute(
        "from marts.modality_concordance_sensitivity where population = 'ct_mri'"
    ).fetchdf()
    confirmed = population_of(lesions, "ct_mri")
    for part in [rows[rows["stratum"] == "overall"], rows[rows["stratum_value"] == "resected"]]:
        found = part.set_index("method")
        own = stratum_of(confirmed, part.iloc[0].to_dict())
        own = own[own["is_evaluable"]]
        truth = own["reference_verdict"] == "nonviable"
        by_patient = truth.groupby(own["patient_id"]).agg(["mean", "sum", "count"])
        # Bootstrap over patients with other numbers: equal to the width of its noise.
        drawn = np.random.default_rng(1).multinomial(
            len(by_patient), np.full(len(by_patient), 1 / len(by_patient)), 20_000
        )
        shares = (drawn @ by_patient["sum"]) / (drawn @ by_patient["count"])
        ends = np.quantile(shares, [0.025, 0.975])
        assert found.loc["bootstrap", "lower_bound"] == pytest.approx(ends[0], abs=0.012)
        assert found.loc["bootstrap", "upper_bound"] == pytest.approx(ends[1], abs=0.012)
        alike = found.loc["one_lesion_per_patient"]
        assert alike["estimate"] == pytest.approx(by_patient["mean"].mean())
        whole = found.loc["per_patient_wilson"]
        assert whole["numerator"] == (by_patient["mean"] == 1).sum()
        assert whole["denominator"] == len(by_patient)
        exact = stats.binomtest(int(truth.sum()), len(truth), 0.85, alternative="less")
        assert found.loc["exact_test_below", "p_value"] == pytest.approx(exact.pvalue, rel=1e-9)
        hypotheses = found.loc["exact_test_below", "hypotheses"]
        assert hypotheses == "H0: NPV >= 0.85; H1: NPV < 0.85 (one-sided)"


def test_the_default_is_the_same_in_both_marts(warehouse: duckdb.DuckDBPyConnection) -> None:
    rows = warehouse.execute(
        """
        select clustered_lower, lower_bound, clustered_upper, upper_bound
        from marts.modality_concordance_sensitivity
        full join marts.modality_concordance using (population, stratum, stratum_value)
        where modality_concordance_sensitivity.method = 'clustered_wilson'
        """
    ).fetchall()
    assert len(rows) > 50 and any(row[0] is None for row in rows)
    assert [row for row in rows if row[:2] != (row[0],) * 2 or row[2:] != (row[2],) * 2] == []


def test_crosstab_measures_are_its_cells(warehouse: duckdb.DuckDBPyConnection) -> None:
    cells = warehouse.execute("from marts.modality_crosstab").fetchdf()
    for _, own in cells.groupby("test"):
        n = own.set_index(["verdict", "truth"])["n_lesions"]
        row = own.iloc[0]
        viable = n["visible", "viable"] + n["not_visible", "viable"]
        assert row["sensitivity"] == pytest.approx(n["visible", "viable"] / viable)
        gone = n["not_visible", "viable"] + n["not_visible", "nonviable"]
        assert row["npv"] == pytest.approx(n["not_visible", "nonviable"] / gone)


def test_every_reason_has_words_in_the_report(warehouse: duckdb.DuckDBPyConnection) -> None:
    reasons = warehouse.execute(
        "select distinct reason from marts.modality_concordance_sensitivity"
        " where reason is not null"
    ).fetchall()
    assert reasons
    assert [reason for (reason,) in reasons if wording("not_estimable", reason).ja == reason] == []


def test_quartiles_are_of_type_7(warehouse: duckdb.DuckDBPyConnection) -> None:
    ages = warehouse.execute(
        "select age from core.dim_patient where is_operated and age is not null"
    ).fetchnumpy()["age"]
    found = warehouse.execute(
        """
        select q1, median, q3 from marts.baseline_characteristics
        where analysis_set = 'operated' and group_name = 'overall' and characteristic = 'age_years'
        """
    ).fetchone()
    assert found == pytest.approx(tuple(np.quantile(ages, [0.25, 0.5, 0.75])))


def test_the_seeds_reproduce_every_claim_that_can_be(
    warehouse: duckdb.DuckDBPyConnection,
) -> None:
    verdicts = warehouse.execute(
        "select claim_status, status, claim_id from marts.published_results"
    ).fetchall()
    expected = {"contradicted": "contradicted at source", "context": "context"}
    wrong = [row for row in verdicts if row[1] != expected.get(row[0], "reproduced")]
    assert len(verdicts) > 30
    assert not wrong
