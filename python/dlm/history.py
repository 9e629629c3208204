"""What the store knows of its own past, as tables that dbt builds on.

quality.delivery_calendar and quality.delivery_changes are made from them; a build from the seeds,
which were never received, leaves them empty.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from dlm import engine
from dlm.store import Entry

if TYPE_CHECKING:
    import duckdb

HISTORY_TABLES: dict[str, dict[str, str]] = {
    "load_receipts": {
        "delivery_id": "varchar",
        "received_at": "varchar",
        "source": "varchar",
        "site_id": "varchar",
        "form": "varchar",
        "file": "varchar",
        "sha256": "varchar",
    },
    "load_changes": {
        "delivery_id": "varchar",
        "received_at": "varchar",
        "rule_id": "varchar",
        "kind": "varchar",
        "source": "varchar",
        "site_id": "varchar",
        "form": "varchar",
        "record_key": "varchar",
        "new_record_key": "varchar",
        "previous_file": "varchar",
        "previous_line": "bigint",
        "file": "varchar",
        "line": "bigint",
        "n_before": "bigint",
        "n_now": "bigint",
    },
}
"""Columns and types of each table; as seeds they hold no row."""


def write_history(connection: duckdb.DuckDBPyConnection, entries: Iterable[Entry]) -> None:
    """Fill the history tables in schema raw.

    Args:
        connection: writable connection on the work database.
        entries: the deliveries known to the build; none for a build from the seeds.
    """
    receipts: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    for entry in entries:
        delivery = {"delivery_id": entry["delivery_id"], "received_at": entry["received"]}
        receipts += [
            delivery | {**file, "form": file["stem"], "file": file["name"]}
            for file in entry["files"]
        ]
        changes += [delivery | change for change in entry.get("changes", [])]
    for table, rows in (("load_receipts", receipts), ("load_changes", changes)):
        columns = HISTORY_TABLES[table]
        types = ", ".join(f"{name} {kind}" for name, kind in columns.items())
        connection.execute(f"create or replace table raw.{table} ({types})")
        values = [[row.get(name) for name in columns] for row in rows]
        engine.insert(connection, f"raw.{table}", values)
