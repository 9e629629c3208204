"""Builds of synthetic trials up to schema quality: ``python -m mutation OUT all_5 none_5 ...``.

A trial is named by its faults and its seed. It is drawn, loaded as deliveries are, and built by dbt
from staging to quality, tests aside. One process parses the project once for all.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import date
from pathlib import Path

import duckdb

from dlm import deliveries, store
from dlm.history import write_history
from dlm.project import find_places
from dlm.synthetic import write_trial
from dlm.workflow import inputs
from dlm.workflow.inputs import Basis
from dlm.workflow.standing import Known

RECEIVED = date(2024, 7, 8)
SCALE = 1
JOINED, N_JOINED = "eortc/outcome.csv", 30
"""The file of a faulty trial that ends with its own header; more often than there are files."""


def take(project: Path, delivery: Path, state: Path, database: Path, received: date) -> Basis:
    """Receive a delivery, load the whole store and what people did, as a build of that day does."""
    deliveries.receive(delivery, state, received, sites=deliveries.known_sites(project))
    items, origins = deliveries.stored_files(state, None)
    entries = store.read_ledger(state)
    connection = duckdb.connect(str(database))
    try:
        loaded = deliveries.load_raw(connection, items, origins)
        write_history(connection, entries)
        return inputs.fill(
            connection,
            project,
            state,
            Known("store", None),
            [(entry["delivery_id"], entry["received"]) for entry in entries],
            [f"{file.name} {file.sha256}" for file in loaded],
            received,
        )
    finally:
        connection.close()


def join_headers(delivery: Path) -> None:
    """Let a file end as one does that was joined from many, and list it anew."""
    path = delivery / JOINED
    content = path.read_bytes()
    path.write_bytes(content + N_JOINED * content.splitlines(keepends=True)[0])
    deliveries.write_delivery_manifest(delivery, "synthetic", None, replace=True)


def build(out: Path, trial: str) -> None:
    """Draw, load and build one trial into ``OUT/<trial>``: ``delivery/`` and ``work.duckdb``."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import cleanup_connections
    from dbt.cli.main import dbtRunner

    faults, seed = trial.rsplit("_", 1)
    folder = out / trial
    # The same for all: dbt parses the project anew where the path of its database has changed.
    database = out / "work.duckdb"
    places = find_places()
    write_trial(int(seed), SCALE, folder / "delivery", "delivery", faults)
    if faults != "none":
        join_headers(folder / "delivery")
    take(places.project, folder / "delivery", folder / "state", database, RECEIVED)
    os.environ["DLM_WORK_DB"] = str(database)
    done = dbtRunner().invoke(
        [
            "build",
            "--project-dir",
            str(places.project),
            "--profiles-dir",
            str(places.project / "profiles"),
            "--target-path",
            str(out / "target"),
            "--log-path",
            str(out / "logs"),
            "--log-level",
            "error",
            "--log-level-file",
            "none",
            "--no-version-check",
            "--select",
            "+path:models/quality",
            "--exclude",
            "tag:raw",
            "resource_type:test",
            "resource_type:unit_test",
            "--vars",
            json.dumps({"loaded_by_dlm": True}),
        ]
    )
    if not done.success:
        sys.exit(f"dbt could not build {trial}: {done.exception or 'see above'}")
    cleanup_connections()
    DuckDBConnectionManager.close_all_connections()
    database.rename(folder / database.name)


if __name__ == "__main__":
    for name in sys.argv[2:]:
        build(Path(sys.argv[1]), name)
