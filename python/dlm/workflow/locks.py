"""Data cuts: frozen, verified, built again, and unlocked by two accounts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dlm import store
from dlm.errors import DlmError
from dlm.publish import escaped
from dlm.workflow import log
from dlm.workflow.standing import Standing
from dlm.workflow.tables import COLUMNS

if TYPE_CHECKING:
    import duckdb

FOLDER = "locks"


def values_path(state: Path, name: str) -> Path:
    """Where the analysis values of a data cut are kept."""
    return state / log.FOLDER / FOLDER / f"{name}.parquet"


def read_into(connection: duckdb.DuckDBPyConnection, state: Path, now: Standing) -> None:
    """Fill raw.load_locked_values with the values of every cut that is locked.

    Raises:
        DlmError: the values of a cut are missing or were altered.
    """
    for name, lock in now.locks.items():
        if lock.state == "unlocked":
            continue
        path = values_path(state, name)
        if not path.is_file() or store.hash_file(path) != lock.locked["details"]["values"]:
            raise DlmError(f"{path} is missing or was altered; restore the store from a backup")
        connection.execute(
            f"insert into raw.load_locked_values select {', '.join(COLUMNS['load_locked_values'])} "
            f"from read_parquet('{escaped(path)}')"
        )
