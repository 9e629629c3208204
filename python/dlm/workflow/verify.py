"""Whether the workflow's part of the store is as it was written, and where it is not."""

from __future__ import annotations

import json
from pathlib import Path

from dlm import store
from dlm.project import Places
from dlm.workflow import locks, snapshots
from dlm.workflow.log import FOLDER, Entry, Fault, against, examine


def verify(places: Places) -> tuple[int, list[Fault]]:
    """Check the log, the files it names, and the log against what published builds saw of it.

    Returns:
        Entries of the log, and every place where something does not hold together.
    """
    entries, faults = examine(places.state)
    for entry in entries:
        faults += _file_faults(places.state, entry)
    manifest = places.out / "manifest.json"
    if manifest.is_file():
        basis = json.loads(manifest.read_text(encoding="utf-8")).get("basis") or {}
        if basis.get("log_entries"):
            witness = f"the build published in {places.out}"
            faults += against(entries, basis["log_entries"], basis["log_head"], witness)
    return len(entries), faults


def _file_faults(state: Path, entry: Entry) -> list[Fault]:
    """Files an entry names that are missing or are not the ones it names."""
    details = entry["details"]
    named: dict[Path, str] = {}
    if entry["action"] == "snapshot":
        folder = state / FOLDER / snapshots.FOLDER / details["snapshot_id"]
        named = {folder / f"{name}.parquet": told for name, told in details["files"].items()}
    elif entry["action"] == "lock":
        kept = locks.files_of(state, details["name"])
        named = {path: details["files"][what] for what, path in kept.items()}
    return [
        Fault(entry["n"], f"{path.relative_to(state)} is missing or was altered")
        for path, told in named.items()
        if not path.is_file() or store.hash_file(path) != told
    ]
