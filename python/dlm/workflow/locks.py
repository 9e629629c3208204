"""Data cuts: frozen when nothing grave is open, verified, built again, unlocked by two accounts.

A cut is what a published build stood on and what came out: its deliveries, settings, code revision
and a digest of every table, and the value of every lesion and patient in every endpoint. Later
deliveries stay welcome; rule GN15 tells where they change a locked value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlm import engine, store
from dlm.errors import BlockedError, DlmError, UsageError
from dlm.project import Places
from dlm.publish import read_manifest
from dlm.sql_text import escaped
from dlm.workflow import gate, log
from dlm.workflow.account import Account, current_account
from dlm.workflow.findings import Filters, read_queries
from dlm.workflow.standing import Known, Lock, Standing, Waiver, standing
from dlm.workflow.tables import COLUMNS
from dlm.workflow.waivers import checked_reason, is_waived_still, read_waivers, told

if TYPE_CHECKING:
    import duckdb

FOLDER = "locks"
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,59}")
_VALUES, _CUT = "values.parquet", "cut.json"


@dataclass(frozen=True)
class Cut:
    """What to build a data cut from again.

    Attributes:
        scope: 'store', or 'seeds'.
        deliveries: ids of the deliveries that were known.
        log_entries: how many entries of the log counted.
        known_until: only what people did by that day counted; None for all of it.
        judged_on: day by which waivers expired; None where there were none.
        cutoff: clinical dates after it counted for nothing; None for no limit.
        manifest: of the build that was locked.
    """

    scope: str
    deliveries: frozenset[str]
    log_entries: int
    known_until: str | None
    judged_on: str | None
    cutoff: str | None
    manifest: dict[str, Any]


@dataclass(frozen=True)
class Compared:
    """How one table of a cut came out when it was built again.

    Attributes:
        table: its name.
        rows_locked: rows it had; None where it was not there.
        rows_now: rows it has; None where it is not there.
        verdict: equal, differs, missing or new.
    """

    table: str
    rows_locked: int | None
    rows_now: int | None
    verdict: str


def files_of(state: Path, name: str) -> dict[str, Path]:
    """The files kept of a data cut, by what they hold."""
    folder = state / log.FOLDER / FOLDER / name
    return {"values": folder / _VALUES, "cut": folder / _CUT}


def read_into(connection: duckdb.DuckDBPyConnection, state: Path, now: Standing) -> None:
    """Fill raw.load_locked_values with the values of every cut that is locked.

    Raises:
        DlmError: the values of a cut are missing or were altered.
    """
    for lock in now.locks.values():
        if lock.state == "unlocked":
            continue
        _check_files(state, lock)
        path = files_of(state, lock.name)["values"]
        connection.execute(
            f"insert into raw.load_locked_values select {', '.join(COLUMNS['load_locked_values'])} "
            f"from read_parquet('{escaped(path)}')"
        )


def _check_files(state: Path, lock: Lock) -> None:
    for what, path in files_of(state, lock.name).items():
        if not path.is_file() or store.hash_file(path) != lock.locked["details"]["files"][what]:
            raise DlmError(f"{path} is missing or was altered; restore the store from a backup")


def read_locks(state: Path) -> dict[str, Lock]:
    """Every data cut, by name, of deliveries and of the seeds."""
    entries = log.read_log(state)
    locks: dict[str, Lock] = {}
    for scope in ("store", "seeds"):
        locks |= standing(Known(scope).of(entries)).locks
    return locks


def create(
    places: Places, name: str, reason: str, today: date, account: Account | None = None
) -> log.Entry:
    """Lock what is published.

    Args:
        places: where what is published and the store are.
        name: of the data cut.
        reason: why it is made.
        today: day of the command, by which waivers have expired.
        account: who locks; None for the account of this process.

    Raises:
        UsageError: the name is taken or none, or the reason is none.
        BlockedError: S1 or S2 queries are open, or waived by what no longer stands, or records were
            left out; nothing was locked.
        DlmError: nothing is published, or it cannot be read.
    """
    why = checked_reason(reason)
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a data cut; use letters, digits and . _ -")
    manifest = read_manifest(places.out)
    excluded = manifest["stamp"]["excluded_records"]
    if excluded:
        raise BlockedError(
            f"{excluded} records were left out of what is published for open S1 queries; nothing "
            "was locked"
        )
    grave_ones = ("S1", "S2")
    with engine.reading(places.warehouse) as connection:
        grave = gate.open_queries(connection, grave_ones)
        if grave:
            raise BlockedError(
                f"{len(grave)} S1 and S2 queries are open; nothing was locked:\n"
                f"{gate.told(grave)}\n"
                "have them corrected, or waived and approved, then build and lock again"
            )
        settings = dict(
            connection.execute(
                "select setting, value from marts.build_settings order by all"
            ).fetchall()
        )
        waived = read_queries(places.warehouse, Filters(severities=grave_ones, states=("waived",)))
        with store.locked(places.state):
            if name in read_locks(places.state):
                raise UsageError(f"there is a data cut {name} already; choose another name")
            _refuse_lapsed(waived, read_waivers(places.state, manifest["basis"]["scope"]), today)
            who = account or current_account()
            files = files_of(places.state, name)
            _write_values(connection, name, files["values"])
            content = json.dumps(
                {"manifest": manifest, "settings": settings}, indent=1, sort_keys=True
            )
            store.write_whole(files["cut"], [content.encode()])
            details = {
                "name": name,
                "deliveries": manifest["basis"]["deliveries"],
                "code_revision": manifest["stamp"]["code_revision"],
                "cutoff": manifest["stamp"]["cutoff"],
                "files": {what: store.hash_file(path) for what, path in files.items()},
            }
            event = log.Event("lock", manifest["basis"]["scope"], why, details)
            return log.append(places.state, [event], who)[0]


def _refuse_lapsed(
    waived: Sequence[dict[str, Any]], waivers: Sequence[Waiver], today: date
) -> None:
    """Refuse what was waived when it was built and is not any more.

    Args:
        waived: queries as they were published.
        waivers: those that were not revoked.
        today: day by which they have expired.

    Raises:
        BlockedError: the waiver a query was published with was revoked or has expired.
    """
    lapsed = [query for query in waived if not is_waived_still(waivers, query, today)]
    if lapsed:
        told_queries = "\n".join(
            f"  {query['query_id']} {query['rule_id']} at {query['site_id']}: "
            f"{told(waivers, query, today) or 'revoked'}"
            for query in lapsed
        )
        raise BlockedError(
            f"the waivers of {len(lapsed)} S1 and S2 queries do not stand any more; nothing was "
            f"locked:\n{told_queries}\nbuild again: these queries are open until they are "
            "corrected, or waived and approved anew"
        )


def _write_values(connection: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    """Keep the value of every lesion and patient in every endpoint."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f"{path.name}.partial")
    columns = [column for column in COLUMNS["load_locked_values"] if column != "lock_name"]
    connection.execute(
        f"copy (select '{name}' as lock_name, {', '.join(columns)} from quality.analysis_values "
        f"order by all) to '{escaped(partial)}' (format parquet, compression zstd)"
    )
    store.write_whole(path, store.chunks(partial))
    partial.unlink()


def verify(state: Path, name: str) -> Iterator[str]:
    """What is wrong with a data cut as it is kept; nothing where all of it is there.

    Raises:
        UsageError: there is no such cut.
    """
    lock = _lock(state, name)
    for what, path in files_of(state, name).items():
        if not path.is_file() or store.hash_file(path) != lock.locked["details"]["files"][what]:
            yield f"{path} is missing or was altered"
    ledger = {entry["delivery_id"]: entry for entry in store.read_ledger(state)}
    for delivery in lock.locked["details"]["deliveries"]:
        if delivery not in ledger:
            yield f"delivery {delivery} is not in the store"
            continue
        for file in ledger[delivery]["files"]:
            path = store.object_path(state, file["sha256"])
            if not path.is_file() or store.hash_file(path) != file["sha256"]:
                yield f"{file['name']} of delivery {delivery} is missing or was altered"


def read_cut(state: Path, name: str) -> Cut:
    """What a data cut was made from.

    Raises:
        UsageError: there is no such cut.
        DlmError: what is kept of it was altered.
    """
    lock = _lock(state, name)
    _check_files(state, lock)
    manifest = json.loads(files_of(state, name)["cut"].read_text(encoding="utf-8"))["manifest"]
    basis = manifest["basis"]
    return Cut(
        scope=basis["scope"],
        deliveries=frozenset(basis["deliveries"]),
        log_entries=basis["log_entries"],
        known_until=basis["known_until"],
        judged_on=basis["waivers_judged_on"],
        cutoff=manifest["stamp"]["cutoff"],
        manifest=manifest,
    )


def compare(cut: Cut, manifest: dict[str, Any]) -> list[Compared]:
    """A data cut built again, table by table."""
    locked, now = cut.manifest["tables"], manifest["tables"]
    found = []
    for table in sorted(locked.keys() | now.keys()):
        if table not in now:
            verdict = "missing"
        elif table not in locked:
            verdict = "new"
        else:
            verdict = "equal" if locked[table] == now[table] else "differs"
        rows = [side[table]["rows"] if table in side else None for side in (locked, now)]
        found.append(Compared(table, rows[0], rows[1], verdict))
    return found


def unlock(state: Path, name: str, reason: str, account: Account | None = None) -> None:
    """Ask for a data cut to be unlocked; another account has to approve.

    Raises:
        UsageError: there is no such cut, or it is not locked.
    """
    why = checked_reason(reason)
    with store.locked(state):
        lock = _lock(state, name)
        if lock.state != "locked":
            raise UsageError(f"the data cut {name} is {lock.state}, not locked")
        event = log.Event("unlock", lock.locked["scope"], why, {"name": name})
        log.append(state, [event], account)


def approve_unlock(state: Path, name: str, reason: str, account: Account | None = None) -> None:
    """Approve that a data cut is unlocked, from another account than asked for it.

    Raises:
        UsageError: nobody asked for it, or the same account did, or the reason, which may be
            empty, names a person.
    """
    why = checked_reason(reason, is_optional=True)
    who = account or current_account()
    with store.locked(state):
        lock = _lock(state, name)
        if lock.state != "unlocking" or lock.unlocking is None:
            raise UsageError(
                f"the data cut {name} is {lock.state}; to unlock it, ask first: "
                f"dlm lock unlock {name} --reason TEXT"
            )
        if who.is_same(lock.unlocking["account"]):
            raise UsageError(
                f"{who.name} asked for {name} to be unlocked and cannot approve it; ask a "
                f"colleague to run: dlm lock approve {name}"
            )
        event = log.Event("approve unlock", lock.locked["scope"], why, {"name": name})
        log.append(state, [event], who)


def _lock(state: Path, name: str) -> Lock:
    locks = read_locks(state)
    if name not in locks:
        known = ", ".join(locks) or "none"
        raise UsageError(f"there is no data cut {name}; known: {known}")
    return locks[name]
