"""Print rows as a table, as CSV that no spreadsheet takes for formulas, or as JSON."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from typing import Any

from dlm.query import neutralise

FORMATS = ("table", "csv", "json")


def print_rows(rows: Sequence[dict[str, Any]], columns: Sequence[str], form: str) -> None:
    """Print rows to standard output.

    Args:
        rows: the rows; a column that a row does not have is blank.
        columns: which columns, in order.
        form: one of FORMATS.
    """
    if form == "json":
        content = [{name: row.get(name) for name in columns} for row in rows]
        json.dump(content, sys.stdout, ensure_ascii=False, indent=1, default=str)
        print()
    elif form == "csv":
        writer = csv.writer(sys.stdout, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows([neutralise(row.get(name)) for name in columns] for row in rows)
    elif rows:
        print(aligned(rows, columns), end="")


def aligned(rows: Sequence[dict[str, Any]], columns: Sequence[str]) -> str:
    """Rows as text in columns, each line ended; what is missing is blank."""
    texts = [["" if row.get(c) is None else str(row[c]) for c in columns] for row in rows]
    widths = [max(map(len, column)) for column in zip(columns, *texts, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        for line in [list(columns), *texts]
    ]
    return "".join(line + "\n" for line in lines)
