"""Worker that computes schema `stats` beside the other steps of a build.

Started at the beginning of a build, it imports the statistical libraries while dbt runs.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from dlm import engine, stats
from dlm.workers import serve


def handle(request: dict[str, Any]) -> dict[str, Any]:
    """Compute every analysis on a work database.

    Args:
        request: database (path), memory (share of it).

    Returns:
        tables: for each analysis its name, comment, columns and rows (lists of values, in the order
        of the columns).
    """
    connection = engine.connect(request["database"], read_only=True, part=request["memory"])
    tables = []
    try:
        for analysis in stats.analyses():
            columns = (*analysis.columns, *stats.HOW)
            found = stats.run(analysis, connection)
            tables.append(
                {
                    "name": analysis.name,
                    "comment": analysis.comment,
                    "columns": [asdict(column) for column in columns],
                    "rows": [[row[column.name] for column in columns] for row in found],
                }
            )
    finally:
        connection.close()
    return {"tables": tables}


if __name__ == "__main__":
    serve(handle, stats.analyses)
