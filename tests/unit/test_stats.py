"""Schema stats: every row says what it is, and none holds a number that is none."""

from __future__ import annotations

import duckdb
import numpy as np
import pandas as pd
import pytest

from dlm import stats
from dlm.publish import Column
from dlm.stats import Analysis, NotEstimable, NotRun, Row


def analysis(answer: list[Row] | Exception) -> Analysis:
    def compute(connection: duckdb.DuckDBPyConnection) -> list[Row]:
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Analysis(
        "a", "One row per a.", (Column("x", "double", "X."),), "method", "numpy", "y ~ x", compute
    )


@pytest.mark.parametrize(
    ("answer", "status", "reason"),
    [
        ([{"x": 1.5}], "estimated", None),
        ([{"x": float("nan")}], "not estimable", "no finite value of x"),
        ([{"x": float("inf")}], "not estimable", "no finite value of x"),
        ([{"status": "not estimable", "reason": "why"}], "not estimable", "why"),
        ([], "not estimable", "there are no data for it"),
        (NotEstimable("one cluster"), "not estimable", "one cluster"),
        (NotRun("over 10,000 patients"), "not run", "over 10,000 patients"),
        (ZeroDivisionError("oh"), "error", "ZeroDivisionError: oh"),
    ],
)
def test_every_row_says_what_it_is(
    answer: list[Row] | Exception, status: str, reason: str | None
) -> None:
    [row] = stats.run(analysis(answer), duckdb.connect())
    assert (row["status"], row["reason"]) == (status, reason)
    assert row["x"] == (1.5 if status == "estimated" else None)
    assert (row["method"], row["formula"]) == ("method", "y ~ x")
    assert row["library"] == f"numpy {np.__version__}"


def test_a_column_that_the_table_lacks_is_an_error() -> None:
    with pytest.raises(KeyError, match="no column y"):
        stats.run(analysis([{"y": 1}]), duckdb.connect())


def subjects(size: int = 80) -> pd.DataFrame:
    rng = np.random.default_rng(7)
    risk = rng.normal(size=size)
    time = np.floor(rng.exponential(60 * np.exp(-0.5 * risk)))
    event = (rng.random(size) < 0.7).astype(float)
    return pd.DataFrame({"t": time, "e": event, "risk": risk, "other": rng.normal(size=size)})


def test_a_model_that_cannot_be_fitted_says_why() -> None:
    from dlm.stats import cox

    assert {row["term"] for row in cox.fit(subjects(), "t", "e")} == {"risk", "other"}
    with pytest.raises(NotEstimable, match="events for 2 covariates"):
        cox.fit(subjects(10), "t", "e")
    with pytest.raises(NotEstimable, match="other is the same"):
        cox.fit(subjects().assign(other=1.0), "t", "e")
    apart = subjects().assign(other=lambda rows: rows["e"])
    with pytest.raises(NotEstimable, match="no finite maximum"):
        cox.fit(apart, "t", "e")
