"""Worker that checks the survival curves, draws the figures and writes the report.

Started at the beginning of a build, it imports matplotlib and lifelines while dbt runs.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from dlm import engine, figures, report, survival
from dlm.errors import BlockedError
from dlm.stamp import Stamp
from dlm.workers import serve


def handle(request: dict[str, Any]) -> dict[str, Any]:
    """Do one of: 'figures' (verify curves, then draw) and 'report'."""
    connection = engine.connect(request["database"], read_only=True, part=request["memory"])
    out = Path(request["out"])
    stamp = Stamp.from_json(request["stamp"])
    try:
        if request["task"] == "report":
            report.write_report(connection, out / "figures", out / "report.html", stamp)
            return {"report": "report.html"}
        try:
            steps = survival.verify_curves(connection)
        except survival.SurvivalMismatch as mismatch:
            raise BlockedError(str(mismatch)) from mismatch
        drawn = figures.draw_all(connection, out / "figures", stamp)
        return {"steps": steps, "figures": [path.name for path in drawn]}
    finally:
        connection.close()


if __name__ == "__main__":
    serve(handle, survival.warm_up)
