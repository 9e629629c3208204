"""Schema `stats`: what SQL is the wrong tool for, computed by libraries while a build runs.

An analysis is a function from the built warehouse to rows. It says what it is (method, library,
formula), and every row of its table bears that, the library's version, and whether it could be
estimated. To add one: write a module with `ANALYSES`, and name it in `MODULES`.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import duckdb

from dlm.publish import Column

Row = dict[str, Any]

MODULES = ("cox", "accuracy")
"""Modules of this package whose `ANALYSES` a build runs, in this order."""

ESTIMATED = "estimated"
NOT_ESTIMABLE = "not estimable"
NOT_RUN = "not run"
ERROR = "error"

HOW = (
    Column("status", "varchar", "estimated, not estimable, not run, or error (the code failed)."),
    Column("reason", "varchar", "Why there is no estimate; null where there is one."),
    Column("method", "varchar", "The statistical method."),
    Column("library", "varchar", "Library that computed the row, with its version."),
    Column("formula", "varchar", "Model or formula fitted."),
)
"""Columns that end every table of the schema."""


class NotEstimable(Exception):
    """The data do not hold what the method needs; the text says what is missing."""


class NotRun(Exception):
    """The analysis was left out on purpose; the text says why."""


@dataclass(frozen=True)
class Analysis:
    """One table of schema `stats`.

    Attributes:
        name: of the table, without the schema.
        comment: what a row is; begins with "One row per".
        columns: those of its own; `HOW` follows them.
        method: the statistical method, in words.
        library: distribution that computes it, as its package index names it.
        formula: model fitted.
        compute: gives the rows. A row may set `status`, `reason`, `method` and `formula` itself.
            Raises NotEstimable or NotRun where there is nothing to give at all.
    """

    name: str
    comment: str
    columns: tuple[Column, ...]
    method: str
    library: str
    formula: str
    compute: Callable[[duckdb.DuckDBPyConnection], Sequence[Row]]


def analyses() -> list[Analysis]:
    """Every analysis of `MODULES`; imports their libraries."""
    found: list[Analysis] = []
    for module in MODULES:
        found += importlib.import_module(f"{__name__}.{module}").ANALYSES
    return found


def run(analysis: Analysis, connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """Rows of the analysis's table: its columns and `HOW`, none of them nan or infinite.

    An analysis whose code fails has one row that says so; it does not stop a build, for no
    endpoint rests on it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = list(analysis.compute(connection))
        if not found:
            found = [{"status": NOT_ESTIMABLE, "reason": "there are no data for it"}]
    except NotEstimable as why:
        found = [{"status": NOT_ESTIMABLE, "reason": str(why)}]
    except NotRun as why:
        found = [{"status": NOT_RUN, "reason": str(why)}]
    except Exception as error:
        found = [{"status": ERROR, "reason": f"{type(error).__name__}: {error}"}]
    version = importlib.metadata.version(analysis.library)
    common = {
        "status": ESTIMATED,
        "reason": None,
        "method": analysis.method,
        "library": f"{analysis.library} {version}",
        "formula": analysis.formula,
    }
    return [_finite(analysis, common | row) for row in found]


def _finite(analysis: Analysis, row: Row) -> Row:
    """The row with every column, without numbers that are none."""
    names = [column.name for column in (*analysis.columns, *HOW)]
    unknown = set(row) - set(names)
    if unknown:
        raise KeyError(f"stats.{analysis.name} has no column {', '.join(sorted(unknown))}")
    whole = {name: row.get(name) for name in names}
    lost = [name for name, value in whole.items() if _is_no_number(value)]
    for name in lost:
        whole[name] = None
    if lost and whole["status"] == ESTIMATED:
        whole["status"] = NOT_ESTIMABLE
        whole["reason"] = f"no finite value of {', '.join(lost)}"
    return whole


def _is_no_number(value: object) -> bool:
    return isinstance(value, float) and not math.isfinite(value)
