"""History of quality: what each build found, kept in the store once per state of the deliveries.

A snapshot is keyed by the deliveries a build stood on and the version of the catalogue, so building
again adds nothing. It is prepared beside the outputs of the build and recorded when they are put in
place; whatever stops the build, the next one finishes both or neither.
"""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlm import engine, store
from dlm.errors import DlmError
from dlm.sql_text import escaped
from dlm.workflow import log
from dlm.workflow.account import Account, current_account
from dlm.workflow.standing import Standing, standing
from dlm.workflow.tables import COLUMNS

if TYPE_CHECKING:
    import duckdb

FOLDER = "snapshots"
ABOUT = "snapshot.json"
TABLES = {
    "rule_results": "load_rule_results_history",
    "violations": "load_violation_history",
    "headline_numbers": "load_headline_history",
}
"""What a snapshot holds: the quality table, and the table of schema raw it is read into later."""


def catalogue_version(project: Path) -> str:
    """Hash of every rule's id, version, severity and threshold."""
    path = project / "seeds" / "reference" / "ref_quality_rules.csv"
    with path.open(encoding="utf-8", newline="") as handle:
        rules = sorted(
            "|".join(row[name] for name in ("rule_id", "version", "severity", "threshold_percent"))
            for row in csv.DictReader(handle)
        )
    return hashlib.sha256("\n".join(rules).encode()).hexdigest()[:16]


def code_version(project: Path) -> str:
    """Hash of all that makes numbers out of files: models, macros, settings and code lists."""
    files = [
        project / "dbt_project.yml",
        *(project / "models").rglob("*.sql"),
        *(project / "macros").rglob("*.sql"),
        *(project / "seeds" / "reference").glob("*.csv"),
    ]
    digest = hashlib.sha256()
    for path in sorted(path for path in files if path.is_file()):
        digest.update(f"{path.relative_to(project).as_posix()}\n".encode())
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


def snapshot_id(inputs: Iterable[str], catalogue: str) -> str:
    """Key of a snapshot: what it stood on (ids of deliveries, or hashes of the seeds) and by which
    rules it was judged."""
    key = "\n".join([*sorted(inputs), catalogue])
    return hashlib.sha256(key.encode()).hexdigest()[:16]


def earlier(recorded: Standing, deliveries: Iterable[str]) -> list[dict[str, Any]]:
    """The snapshots a build on these deliveries has behind it, oldest first.

    Those that stood on some of its deliveries but not on all; of one set of deliveries the last
    recorded, by the newest catalogue. So building an earlier day anew knows nothing of later ones,
    and a build gives the same whether its own snapshot was recorded before or not.
    """
    now = set(deliveries)
    by_deliveries = {
        tuple(details["deliveries"]): details
        for details in recorded.snapshots.values()
        if set(details["deliveries"]) < now
    }
    return sorted(
        by_deliveries.values(),
        key=lambda details: (
            details["received"],
            len(details["deliveries"]),
            details["deliveries"],
        ),
    )


def first_recorded(
    entries: Iterable[log.Entry], behind: Iterable[Sequence[str]]
) -> list[int | None]:
    """When the deliveries of each snapshot of a build were first recorded, by whatever catalogue.

    Args:
        entries: of the log, oldest first.
        behind: the deliveries of each snapshot, the build's own last.

    Returns:
        Number of the log entry for each; None where it is not recorded.
    """
    first: dict[tuple[str, ...], int] = {}
    for entry in entries:
        if entry["action"] == "snapshot":
            first.setdefault(tuple(entry["details"]["deliveries"]), entry["n"])
    return [first.get(tuple(deliveries)) for deliveries in behind]


def by_other_code(
    recorded: Standing, deliveries: Iterable[str], code: str
) -> dict[str, Any] | None:
    """The last snapshot of the same deliveries before this code first built on them, if any.

    What this code itself recorded does not count, so building again tells the same.
    """
    now = sorted(set(deliveries))
    found = None
    for details in recorded.snapshots.values():
        if details["deliveries"] == now and now:
            if details["code"] == code:
                break
            found = details
    return found


def read_into(
    connection: duckdb.DuckDBPyConnection, state: Path, found: Sequence[dict[str, Any]]
) -> None:
    """Fill the history tables of schema raw from snapshots of the store.

    Raises:
        DlmError: a file of a snapshot is missing or not the one that was recorded.
    """
    for name, table in TABLES.items():
        paths = [f"'{escaped(_sound_file(state, details, name))}'" for details in found]
        if paths:
            connection.execute(
                f"insert into raw.{table} select {', '.join(COLUMNS[table])} "
                f"from read_parquet([{', '.join(paths)}])"
            )


def read_numbers_into(
    connection: duckdb.DuckDBPyConnection, state: Path, found: dict[str, Any], own: str
) -> None:
    """Add the numbers of one snapshot to the history, under the id of the build's own.

    Raises:
        DlmError: a file of the snapshot is missing or not the one that was recorded.
    """
    path = _sound_file(state, found, "headline_numbers")
    columns = ", ".join(COLUMNS["load_headline_history"])
    connection.execute(
        f"insert into raw.load_headline_history select {columns} "
        f"from (select * replace ('{own}' as snapshot_id) from read_parquet('{escaped(path)}'))"
    )


def _sound_file(state: Path, details: dict[str, Any], name: str) -> Path:
    path = state / log.FOLDER / FOLDER / str(details["snapshot_id"]) / f"{name}.parquet"
    if not path.is_file() or store.hash_file(path) != details["files"][name]:
        raise DlmError(f"{path} is missing or was altered; restore the store from a backup")
    return path


def prepare(
    work: Path,
    prepared: Path,
    state: Path,
    about: dict[str, Any],
    excluded: Sequence[tuple[str, str]] = (),
) -> None:
    """Write this build's snapshot beside its outputs, to be recorded with them.

    Args:
        work: the work database.
        prepared: folder of the prepared outputs.
        state: the store it will be recorded in.
        about: its id, deliveries, day received and versions of catalogue and code.
        excluded: form and key of the records the build to be published leaves out.
    """

    folder = prepared / FOLDER
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    connection = engine.connect(work, read_only=True)
    try:
        files = {}
        for name, table in TABLES.items():
            path = folder / f"{name}.parquet"
            columns = [column for column in COLUMNS[table] if column != "snapshot_id"]
            connection.execute(
                f"copy (select '{about['snapshot_id']}' as snapshot_id, {', '.join(columns)} "
                f"from quality.{name} order by all) to '{escaped(path)}' "
                "(format parquet, compression zstd)"
            )
            files[name] = store.hash_file(path)
    finally:
        connection.close()
    who = current_account()
    content = {
        "state": str(state),
        "details": about | {"files": files},
        "account": {"name": who.name, "uid": who.uid},
        "excluded": [list(record) for record in excluded],
    }
    (folder / ABOUT).write_text(json.dumps(content, sort_keys=True), encoding="utf-8")


def record(prepared: Path) -> None:
    """Record the snapshot prepared in a folder, unless the store has it; nothing if there is none.

    Raises:
        DlmError: the store cannot be written to.
    """
    folder = prepared / FOLDER
    if not (folder / ABOUT).is_file():
        return
    content = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
    state, details = Path(content["state"]), content["details"]
    left_out = log.Event(
        "publish without open S1",
        "store",
        "",
        {"snapshot_id": details["snapshot_id"], "records": content["excluded"]},
    )
    with store.locked(state):
        entries = log.read_log(state)
        is_told = any(entry["details"] == left_out.details for entry in entries)
        events = [left_out] if content["excluded"] and not is_told else []
        account = Account(**content["account"])
        if details["snapshot_id"] in standing(entries).snapshots:
            log.append(state, events, account)
            return
        for name in TABLES:
            target = state / log.FOLDER / FOLDER / details["snapshot_id"] / f"{name}.parquet"
            store.write_whole(target, store.chunks(folder / f"{name}.parquet"))
        recorded = log.Event("snapshot", "store", "", details)
        log.append(state, [recorded, *events], account)
