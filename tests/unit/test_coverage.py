"""The coverage study: trials as promised, the project's own intervals, a verdict that can fail."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from dlm import coverage

SIZE = coverage.published_size(Path(__file__).parents[2])


@pytest.fixture
def small_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(coverage, "ICCS", (0.3,))
    monkeypatch.setattr(coverage, "SHARES", (0.625,))
    monkeypatch.setattr(coverage, "SHAPES", {"skewed": 0.5})


def test_a_trial_is_as_large_as_the_published_one() -> None:
    assert coverage.Size(patients=45, lesions=152) == SIZE


@pytest.mark.parametrize("shape", coverage.SHAPES)
def test_trials_have_the_patients_lesions_share_and_correlation_asked_for(shape: str) -> None:
    drawn = coverage.draw(SIZE, 400, 0.3, 0.625, shape)
    by_trial = drawn.groupby("trial")["m"].agg(["size", "sum", "min"])
    assert (by_trial == (45, 152, by_trial["min"].min())).all(None) and by_trial["min"].min() >= 1
    assert drawn["x"].sum() / drawn["m"].sum() == pytest.approx(0.625, abs=0.02)
    # Two lesions of one patient are alike more often than chance by the correlation.
    own = drawn[drawn["m"] > 1]
    pairs = (own["x"] * (own["x"] - 1)).sum() / (own["m"] * (own["m"] - 1)).sum()
    assert (pairs - 0.625**2) / (0.625 * 0.375) == pytest.approx(0.3, abs=0.06)
    assert drawn.equals(coverage.draw(SIZE, 400, 0.3, 0.625, shape))
    independent = coverage.draw(SIZE, 50, 0.0, 0.85, shape)
    assert independent["x"].sum() / independent["m"].sum() == pytest.approx(0.85, abs=0.02)


def test_intervals_are_the_project_s_own() -> None:
    drawn = coverage.draw(SIZE, 20, 0.3, 0.625, "skewed")
    found = coverage.intervals(drawn).set_index(["trial", "method"])
    totals = drawn.groupby("trial")[["m", "x"]].sum()
    for trial, (m, x) in totals.iterrows():
        exact = stats.binomtest(int(x), int(m)).proportion_ci(method="exact")
        row = found.loc[(trial, "clopper_pearson")]
        np.testing.assert_allclose(row, [exact.low, exact.high], rtol=1e-9)
    counts = found.groupby("method").size()
    assert counts.drop("bootstrap").eq(20).all() and counts["bootstrap"] == 2
    assert set(counts.index) == {*coverage.INTERVALS, "bootstrap"}


def test_the_table_and_the_verdict(
    small_grid: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:
    assert coverage.coverage(SIZE, 100, tmp_path / "found.json") == 0
    said = capsys.readouterr().out.splitlines()
    rows = {line.split("|")[1].strip(): line.split("|") for line in said if line.startswith("|")}
    assert set(coverage.INTERVALS) < set(rows)
    assert float(rows["clustered_wilson"][2]) >= 93 > float(rows["naive_wilson"][2])
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["mean"] >= 0.93 and len(found["settings"]) == len(rows) - 2
    monkeypatch.setattr(coverage, "LEAST_MEAN", 1.01)
    assert coverage.coverage(SIZE, 100, None) == 1
