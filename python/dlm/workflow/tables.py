"""Tables of the workflow that ``dlm`` fills in schema raw; as seeds they hold no row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from dlm import engine

if TYPE_CHECKING:
    import duckdb

DESCRIPTIONS: dict[str, str] = {
    "load_quality_snapshots": (
        "One row per snapshot of quality this build knows, in order; the last is the build itself."
    ),
    "load_rule_results_history": "One row per rule, site and earlier snapshot.",
    "load_violation_history": "One row per rule, record and earlier snapshot.",
    "load_waivers": "One row per waiver of a query that was not revoked.",
    "load_replies": "One row per reply of a site to a query.",
    "load_adjudications": "One row per adjudicated read or reference that was not withdrawn.",
    "load_s1_exclusions": "One row per record kept out of core for an open S1 query, and rule.",
    "load_headline_history": "One row per headline number and earlier snapshot.",
    "load_locked_values": "One row per analysis value of each data cut that is locked.",
}

COLUMNS: dict[str, dict[str, str]] = {
    "load_quality_snapshots": {
        "snapshot_id": "varchar",
        "snapshot_no": "bigint",
        "received_at": "varchar",
    },
    "load_rule_results_history": {
        "snapshot_id": "varchar",
        "rule_id": "varchar",
        "site_id": "varchar",
        "n_violated": "bigint",
        "n_checked": "bigint",
        "percent": "double",
        "threshold_percent": "double",
        "status": "varchar",
        "reason": "varchar",
    },
    "load_violation_history": {
        "snapshot_id": "varchar",
        "rule_id": "varchar",
        "severity": "varchar",
        "site_id": "varchar",
        "patient_id": "varchar",
        "lesion_id": "varchar",
        "form": "varchar",
        "record_key": "varchar",
        "column_name": "varchar",
        "evidence": "varchar",
        "evidence_hash": "varchar",
        "source": "varchar",
        "file": "varchar",
        "line": "bigint",
    },
    "load_waivers": {
        "query_id": "varchar",
        "evidence_hash": "varchar",
        "reason": "varchar",
        "author": "varchar",
        "waived_at": "varchar",
        "expires": "varchar",
        "approved_by": "varchar",
        "approved_at": "varchar",
        "approved_snapshot_no": "bigint",
        "judged_on": "varchar",
    },
    "load_replies": {
        "query_id": "varchar",
        "evidence_hash": "varchar",
        "reply": "varchar",
        "replied_at": "varchar",
        "imported_by": "varchar",
        "reply_no": "bigint",
    },
    "load_adjudications": {
        "adjudication_id": "varchar",
        "kind": "varchar",
        "patient_id": "varchar",
        "lesion_id": "varchar",
        "modality": "varchar",
        "timepoint": "varchar",
        "exam_date": "varchar",
        "verdict": "varchar",
        "verdict_reason": "varchar",
        "evidence": "varchar",
        "reason": "varchar",
        "adjudicator": "varchar",
        "adjudicated_at": "varchar",
    },
    "load_s1_exclusions": {
        "form": "varchar",
        "record_key": "varchar",
        "rule_id": "varchar",
    },
    "load_headline_history": {
        "snapshot_id": "varchar",
        "number_id": "varchar",
        "number_value": "double",
        "inputs_digest": "varchar",
    },
    "load_locked_values": {
        "lock_name": "varchar",
        "endpoint": "varchar",
        "subset": "varchar",
        "unit_id": "varchar",
        "site_id": "varchar",
        "patient_id": "varchar",
        "lesion_id": "varchar",
        "value": "varchar",
    },
}


def write_table(
    connection: duckdb.DuckDBPyConnection, name: str, rows: Iterable[Mapping[str, Any]] = ()
) -> None:
    """Make one table in schema raw anew and fill it.

    Args:
        connection: writable connection on the work database.
        name: one of COLUMNS.
        rows: by column; what a row does not have is null.
    """
    columns = COLUMNS[name]
    types = ", ".join(f"{column} {kind}" for column, kind in columns.items())
    connection.execute(f"create or replace table raw.{name} ({types})")
    values = [[row.get(column) for column in columns] for row in rows]
    engine.insert(connection, f"raw.{name}", values)
