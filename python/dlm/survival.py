"""The trial's survival curves by lifelines, and whether the marts' curves are the same.

The marts compute Kaplan-Meier in SQL; lifelines computes it from `marts.time_to_event` by code of
its own. A build goes on only where the two agree.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import duckdb

from dlm.errors import DlmError

if TYPE_CHECKING:
    import pandas as pd

TOLERANCE = 1e-9
"""Largest absolute difference of a survival or a bound that counts as rounding."""

_KEY = ["paramcd", "grouping", "group_value"]
_OF_SUBJECTS = ["patient_id", "paramcd", "aval", "cnsr"]
_COUNTS = ["n_risk", "n_event", "n_censor"]
_BOUNDS = ["ci_lower", "ci_upper"]


class SurvivalMismatch(DlmError):
    """A step of `marts.km_curve` is not the one that lifelines computes."""


class CurveKey(NamedTuple):
    """A curve of `marts.km_curve`.

    Attributes:
        paramcd: endpoint, RFS or OS.
        grouping: overall or a column of `survival_groupings`.
        group_value: the group; 'all' under overall.
    """

    paramcd: str
    grouping: str
    group_value: str


def warm_up() -> None:
    """Import what the first call would otherwise wait for (some seconds)."""
    import lifelines  # noqa: F401


def load_time_to_event(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Return endpoint, time and groups of every patient with a time.

    Args:
        connection: on the warehouse, read-only or not.

    Returns:
        One row per patient and endpoint of `marts.time_to_event`: patient_id, paramcd, aval (days),
        cnsr (0 event, 1 censored) and a column of each grouping (None for patients in no group).
    """
    groupings = connection.execute(
        "select distinct grouping from marts.km_curve where grouping <> 'overall' order by grouping"
    ).fetchall()
    columns = [*_OF_SUBJECTS, *(grouping for (grouping,) in groupings)]
    return connection.execute(
        f"select {', '.join(columns)} from marts.time_to_event order by paramcd, patient_id"
    ).df()


def fit(time_to_event: pd.DataFrame, confidence_level: float = 0.95) -> dict[CurveKey, Any]:
    """Fit lifelines' KaplanMeierFitter to every endpoint, undivided and by each grouping.

    Args:
        time_to_event: as `load_time_to_event` returns it.
        confidence_level: of the fitters' log-log intervals, two-sided.

    Returns:
        The fitter of each curve, in the order of their keys.
    """
    from lifelines import KaplanMeierFitter

    fitters = {}
    for key, subjects in _subjects_by_curve(time_to_event).items():
        fitter = KaplanMeierFitter(alpha=1 - confidence_level)
        fitters[key] = fitter.fit(subjects["aval"], 1 - subjects["cnsr"])
    return fitters


def curves(connection: duckdb.DuckDBPyConnection) -> dict[CurveKey, pd.DataFrame]:
    """Return what a Kaplan-Meier figure draws, as lifelines computes it.

    Args:
        connection: on the warehouse, read-only or not.

    Returns:
        For each curve its steps by time_days, a row at every distinct time: n_risk, n_event,
        n_censor, survival, ci_lower and ci_upper (log-log; collapsed on survival where that is 0
        or 1, while the mart has none there).
    """
    fitters = fit(load_time_to_event(connection), _confidence_level(connection))
    return {key: _steps(fitter) for key, fitter in fitters.items()}


def verify_curves(connection: duckdb.DuckDBPyConnection) -> int:
    """Compare every step of `marts.km_curve` with lifelines.

    Counts and survival are compared under either interval type, bounds under log-log, which
    lifelines has too, wherever survival is neither 0 nor 1.

    Args:
        connection: on the warehouse, read-only or not.

    Returns:
        How many steps were compared.

    Raises:
        SurvivalMismatch: a step differs by more than `TOLERANCE`, or is in one of the two only;
            names the first and says how many there are.
    """
    import numpy as np

    merged = _beside_each_other(connection)
    if merged.empty:
        return 0
    found = {quantity: _differs(merged, quantity) for quantity in (*_COUNTS, "survival", *_BOUNDS)}
    places = np.flatnonzero(np.any(list(found.values()), axis=0))
    if not len(places):
        return len(merged)
    row = merged.iloc[places[0]]
    quantity = next(name for name, differs in found.items() if differs.iloc[places[0]])
    raise SurvivalMismatch(
        f"marts.km_curve and lifelines differ in {len(places)} of {len(merged)} steps, first in"
        f" {row['paramcd']}, {row['grouping']} {row['group_value']}, {row['conf_type']},"
        f" day {row['time_days']}: {quantity} is {_shown(row[quantity + '_mart'])} in"
        f" marts.km_curve and {_shown(row[quantity + '_lifelines'])} by lifelines"
    )


def _subjects_by_curve(time_to_event: pd.DataFrame) -> dict[CurveKey, pd.DataFrame]:
    found = {}
    for paramcd, subjects in time_to_event.groupby("paramcd"):
        found[CurveKey(str(paramcd), "overall", "all")] = subjects
        for grouping in subjects.columns.drop(_OF_SUBJECTS):
            for group, members in subjects.groupby(grouping):
                found[CurveKey(str(paramcd), str(grouping), str(group))] = members
    return found


def _confidence_level(connection: duckdb.DuckDBPyConnection) -> float:
    found = connection.execute(
        "select value from marts.build_settings where setting = 'confidence_level'"
    ).fetchall()
    if not found:
        raise DlmError("marts.build_settings has no row for confidence_level; build again")
    return float(found[0][0])


def _steps(fitter: Any) -> pd.DataFrame:
    """Steps of a fitter at the times of its subjects (lifelines adds time 0)."""
    import pandas as pd

    table = fitter.event_table[fitter.event_table["removed"] > 0]
    bounds = fitter.confidence_interval_.loc[table.index]
    return pd.DataFrame(
        {
            "time_days": table.index.astype(int),
            "n_risk": table["at_risk"].to_numpy(),
            "n_event": table["observed"].to_numpy(),
            "n_censor": table["censored"].to_numpy(),
            "survival": fitter.survival_function_.loc[table.index].iloc[:, 0].to_numpy(),
            "ci_lower": bounds.iloc[:, 0].to_numpy(),
            "ci_upper": bounds.iloc[:, 1].to_numpy(),
        }
    )


def _beside_each_other(connection: duckdb.DuckDBPyConnection) -> pd.DataFrame:
    """Steps of the mart and of lifelines under both interval types, in the order of the keys."""
    import pandas as pd

    columns = [*_COUNTS, "survival", *_BOUNDS]
    of_mart = connection.execute(
        f"select {', '.join([*_KEY, 'conf_type', 'time_days', *columns])} from marts.km_curve"
    ).df()
    fitted = [
        steps.assign(conf_type=conf_type, **key._asdict())
        for key, steps in curves(connection).items()
        for conf_type in ("log", "log-log")
    ]
    by = [*_KEY, "conf_type", "time_days"]
    of_lifelines = pd.concat(fitted) if fitted else of_mart.head(0)
    return of_mart.merge(
        of_lifelines, how="outer", on=by, suffixes=("_mart", "_lifelines")
    ).sort_values(by, ignore_index=True)


def _differs(merged: pd.DataFrame, quantity: str) -> pd.Series[bool]:
    """Rows where the quantity differs; a value that only one side has does."""
    difference = (merged[f"{quantity}_mart"] - merged[f"{quantity}_lifelines"]).abs()
    differs = ~(difference <= TOLERANCE)
    if quantity in _BOUNDS:
        survival = merged["survival_lifelines"]
        differs &= (merged["conf_type"] == "log-log") & (survival > 0) & (survival < 1)
    return differs


def _shown(value: float) -> str:
    return "absent" if value != value else f"{value:.15g}"
