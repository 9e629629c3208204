"""Worker that runs the expectations and writes the quality pages.

A build starts it first: Great Expectations takes seconds to import, which then pass while dbt runs.
"""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Any

from dlm import engine
from dlm.quality.checks import prepare, run_expectations
from dlm.quality.page import write_page
from dlm.quality.rule_pages import write_rule_pages
from dlm.stamp import Stamp
from dlm.workers import serve


def handle(request: dict[str, Any]) -> dict[str, Any]:
    """Check a work database.

    Args:
        request: database (path), memory (share of it), out (folder of the quality pages), stamp.

    Returns:
        results: rows of ``quality.gx_results``; blocking and warnings: a line for each;
        blocking_rules: rule and status of each that blocks.
    """
    out = Path(request["out"])
    stamp = Stamp.from_json(request["stamp"])
    connection = engine.connect(request["database"], read_only=True, part=request["memory"])
    try:
        run = run_expectations(connection, out, stamp.synthetic, excluded=stamp.excluded_records)
        write_rule_pages(connection, out)
        write_page(connection, run, out, stamp)
    finally:
        connection.close()
    return {
        "results": run.rows(),
        "blocking": [result.line() for result in run.blocking],
        "blocking_rules": [[result.rule_id, result.status] for result in run.blocking],
        "warnings": [result.line() for result in run.warnings],
    }


def _prepare() -> None:
    prepare()
    # The imported library is millions of objects that the collector would walk again and again.
    gc.freeze()


if __name__ == "__main__":
    try:
        serve(handle, _prepare)
    finally:
        gc.unfreeze()  # else DuckDB reports what was frozen as leaked
