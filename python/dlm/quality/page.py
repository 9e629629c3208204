"""The stewards' landing page ``quality/index.html``: what was checked, what was found, and where.

One file in English and Japanese that needs no network. Identifiers in it are the trial's
pseudonyms.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dlm.quality.checks import CheckResult, CheckRun
from dlm.stamp import Stamp

MAX_ROWS = 500
"""Rows of one listing on the page; the table in the warehouse has them all."""

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class TableSummary:
    """How the expectations of one table ended.

    Attributes:
        table: ``schema.table``.
        n: expectations run.
        n_pass, n_warn, n_fail, n_error: how many ended so; they add up to n.
    """

    table: str
    n: int
    n_pass: int
    n_warn: int
    n_fail: int
    n_error: int


@dataclass(frozen=True)
class Listing:
    """A table of the warehouse as the page shows it.

    Attributes:
        name: ``schema.table``.
        there: the work database has the table; if not, there is nothing to show.
        columns: names, in the order of the table.
        rows: at most MAX_ROWS, in total order.
        n: rows the table has.
    """

    name: str
    there: bool
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    n: int


def write_page(
    connection: duckdb.DuckDBPyConnection, run: CheckRun, out: Path, stamp: Stamp
) -> Path:
    """Write the page from the results of the expectations and the tables of schema quality.

    Args:
        connection: on the work database; only read from.
        run: results of Great Expectations.
        out: folder of the quality pages.
        stamp: where the data come from.

    Returns:
        The page.
    """
    environment = Environment(
        loader=FileSystemLoader(_HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    accounting = _listing(connection, "quality.row_accounting")
    page = environment.get_template("page.html.j2").render(
        stamp=stamp,
        summaries=summarise(run.results),
        totals=Counter(result.status for result in run.results),
        n_expectations=len(run.results),
        findings=sorted(
            (result for result in run.results if result.status != "pass"),
            key=lambda result: ("error", "fail", "warn").index(result.status),
        ),
        accounting=accounting,
        accounting_totals=_totals(accounting),
        listings=[
            _listing(connection, name)
            for name in (
                "quality.quarantine",
                "quality.unreadable_values",
                "quality.unmapped_values",
                "quality.conflicting_duplicates",
                "quality.orphan_records",
            )
        ],
        max_rows=MAX_ROWS,
    )
    out.mkdir(parents=True, exist_ok=True)
    path = out / "index.html"
    path.write_text(page, encoding="utf-8")
    return path


def summarise(results: Sequence[CheckResult]) -> list[TableSummary]:
    """One summary per table, in the order the tables were checked."""
    by_table: dict[str, Counter[str]] = {}
    for result in results:
        by_table.setdefault(result.table_name, Counter())[result.status] += 1
    return [
        TableSummary(
            table, counts.total(), counts["pass"], counts["warn"], counts["fail"], counts["error"]
        )
        for table, counts in by_table.items()
    ]


def _listing(connection: duckdb.DuckDBPyConnection, name: str) -> Listing:
    schema, _, table = name.partition(".")
    known = connection.execute(
        "select count(*) from duckdb_tables() where schema_name = ? and table_name = ?",
        [schema, table],
    ).fetchall()
    if known == [(0,)]:
        return Listing(name, False, (), (), 0)
    found = connection.execute(f"select * from {name} order by all limit {MAX_ROWS}")
    columns = tuple(column[0] for column in found.description or ())
    rows = tuple(found.fetchall())
    count = connection.execute(f"select count(*) from {name}").fetchall()[0][0]
    return Listing(name, True, columns, rows, int(count))


def _totals(accounting: Listing) -> dict[str, int]:
    """Sums of the counts of row accounting over the files shown."""
    counts = ("records_in", "loaded", "quarantined", "exact_duplicates")
    return {
        name: sum(row[accounting.columns.index(name)] or 0 for row in accounting.rows)
        for name in counts
        if name in accounting.columns
    }
