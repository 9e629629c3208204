"""Load a project's seeds strictly and build some models of it.

A script, for dbt runs best once in a process: project, work database, models.
"""

from __future__ import annotations

import sys
from pathlib import Path

from dlm import engine
from dlm.deliveries import load_raw, seed_files
from dlm.warehouse import run_dbt

if __name__ == "__main__":
    project, work = map(Path, sys.argv[1:3])
    connection = engine.connect(work)
    load_raw(connection, *seed_files(project))
    connection.close()
    for command, select in (("seed", ["path:seeds/reference"]), ("run", sys.argv[3:])):
        for outcome in run_dbt(
            project,
            work,
            work.parent / "cache",
            {"loaded_by_dlm": True},
            command=command,
            select=select,
        ):
            if outcome.is_bad:
                sys.exit(f"{outcome.name}: {outcome.message}")
