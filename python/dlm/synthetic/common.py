"""Shapes and small tools that every part of the synthetic trial uses.

Within the generator a date is a float: days since 1970-01-01, ``nan`` for none, so that dates add
and compare like numbers. Sizes are millimetres. Codes are the canonical ones of the code lists,
the empty string for none. Only ``habits`` turns them into what a data centre would send.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Tables = dict[str, pd.DataFrame]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]

EPOCH = date(1970, 1, 1).toordinal()

FORMS = (
    "registration",
    "lesion",
    "read",
    "surgery",
    "disposition",
    "pathology",
    "followup",
    "outcome",
)
# Natural key of each form, in the order its records are filed.
FORM_KEYS: dict[str, tuple[str, ...]] = {
    "registration": ("patient_id",),
    "lesion": ("patient_id", "lesion_no"),
    "read": ("patient_id", "lesion_no", "modality", "timepoint", "read_date", "reader_id"),
    "surgery": ("patient_id", "stage"),
    "disposition": ("patient_id", "lesion_no", "stage"),
    "pathology": ("patient_id", "lesion_no", "specimen_id"),
    "followup": ("patient_id", "visit_no", "lesion_no"),
    "outcome": ("patient_id",),
}
LESION = ["patient_id", "lesion_no"]


def stream(seed: int, name: str) -> np.random.Generator:
    """A random stream of its own for one part of the trial, the same for the same seed.

    Parts do not share a stream, so that a change in one leaves the draws of the others alone.
    """
    return np.random.Generator(
        np.random.PCG64(np.random.SeedSequence([seed, zlib.crc32(name.encode())]))
    )


def day_number(year: int, month: int, day: int) -> float:
    """A calendar day as days since 1970-01-01."""
    return float(date(year, month, day).toordinal() - EPOCH)


def day_date(day: float) -> date:
    """The calendar day of days since 1970-01-01."""
    return date.fromordinal(int(day) + EPOCH)


def iso(day: float) -> str:
    """A day as ISO text, empty for none."""
    return "" if np.isnan(day) else day_date(day).isoformat()


def chance(rng: np.random.Generator, n: int, p: float | Floats) -> Bools:
    """One biased coin for each of ``n``."""
    return np.asarray(rng.random(n) < p, dtype=np.bool_)


def pick(
    rng: np.random.Generator, n: int, values: Sequence[str], weights: Sequence[float]
) -> Texts:
    """``n`` values drawn with the given weights."""
    edges = np.cumsum(np.asarray(weights, dtype=np.float64))
    drawn = np.searchsorted(edges / edges[-1], rng.random(n), side="right")
    return np.asarray(values, dtype=object)[np.minimum(drawn, len(values) - 1)]


def whole(rng: np.random.Generator, n: int, low: int, high: int) -> Floats:
    """``n`` whole numbers from ``low`` to ``high``, both included, as floats."""
    return rng.integers(low, high + 1, n).astype(np.float64)


def exponential(rng: np.random.Generator, n: int, mean: float | Floats) -> Floats:
    """``n`` waiting times with the given mean, by inversion of the uniform."""
    return np.asarray(-np.log1p(-rng.random(n)) * mean, dtype=np.float64)


def logistic(x: Floats) -> Floats:
    """The inverse logit."""
    return np.asarray(1.0 / (1.0 + np.exp(-x)), dtype=np.float64)


def text(n: int, value: str = "") -> Texts:
    """``n`` times one text."""
    return np.full(n, value, dtype=object)


def where(condition: Bools, yes: Any, no: Any) -> Texts:
    """``np.where`` for texts, which stay objects."""
    return np.where(condition, np.asarray(yes, dtype=object), np.asarray(no, dtype=object))


def yes_no(condition: Bools) -> Texts:
    """The code list yes_no."""
    return where(condition, "yes", "no")


def lesion_id(patient_id: str, lesion_no: float) -> str:
    """The id people type, ``JP07-012-L03``; empty when the record is not about one lesion."""
    return "" if np.isnan(lesion_no) else f"{patient_id}-L{int(lesion_no):02d}"


def where_number(condition: Bools, yes: float, no: float) -> Floats:
    """``np.where`` between two numbers."""
    return np.where(condition, np.float64(yes), np.float64(no))


def used_dates(days: pd.Series, precision: pd.Series) -> pd.Series:
    """The day a partial date counts as: the 15th of the month, 1 July of the year."""
    used = days.to_numpy(dtype=np.float64).copy()
    kind = precision.to_numpy(dtype=object)
    for row in np.flatnonzero((kind != "day") & ~np.isnan(used)):
        known = day_date(used[row])
        month, day = (known.month, 15) if kind[row] == "month" else (7, 1)
        used[row] = day_number(known.year, month, day)
    return pd.Series(used, index=days.index)


def date_bounds(days: pd.Series, precision: pd.Series) -> tuple[pd.Series, pd.Series]:
    """The first and the last day that a partial date can mean."""
    first = days.to_numpy(dtype=np.float64).copy()
    last = first.copy()
    kind = precision.to_numpy(dtype=object)
    for row in np.flatnonzero((kind != "day") & ~np.isnan(first)):
        known = day_date(first[row])
        months = (known.month, known.month) if kind[row] == "month" else (1, 12)
        first[row] = day_number(known.year, months[0], 1)
        following = (known.year + months[1] // 12, months[1] % 12 + 1)
        last[row] = day_number(*following, 1) - 1
    return pd.Series(first, index=days.index), pd.Series(last, index=days.index)


def record_key(form: str, row: pd.Series) -> str:
    """The natural key of a canonical record as text, parts joined by ``|``."""
    parts = []
    for name in FORM_KEYS[form]:
        value = row[name]
        if name.endswith("_date"):
            parts.append(iso(float(value)))
        elif isinstance(value, str):
            parts.append(value)
        else:
            parts.append("" if np.isnan(value) else str(int(value)))
    return "|".join(parts)
