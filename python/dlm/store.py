"""The store of deliveries: every file as it came, under its hash, and a ledger only ever extended.

A file is written beside its place, forced to disk and renamed into it; the ledger is replaced the
same way, last. So whatever stops a load, the store holds the deliveries it held before or the new
one whole. What a stopped load left half written is removed by the next command that writes; a
file it had kept whole stays, and is there when the delivery comes again.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from dlm.errors import DlmError, UsageError

LEDGER = "deliveries.jsonl"
LOCK = ".lock"
Entry = dict[str, Any]
Until = date | str | frozenset[str] | None
"""How far to read the store: a day, a delivery (its id or the beginning of it), all of it; or
exactly the deliveries of a set."""
_CHUNK = 1 << 20
_LOCK_SECONDS = 60


def read_ledger(state: Path) -> list[Entry]:
    """Every delivery taken, in the order they were loaded.

    Raises:
        DlmError: the ledger is damaged.
    """
    path = state / LEDGER
    if not path.is_file():
        return []
    try:
        text = path.read_text(encoding="utf-8").removesuffix("\n")
        # Not splitlines: a sender may hold a line separator of Unicode, which JSON leaves as it is.
        return [json.loads(line) for line in text.split("\n")] if text else []
    except ValueError as error:
        raise DlmError(f"{path} is damaged ({error}); restore the store from a backup") from None


def received_until(ledger: list[Entry], until: Until) -> list[Entry]:
    """The deliveries received by a day, or up to and with one delivery; oldest first.

    Raises:
        UsageError: there is no such delivery, or more than one.
    """
    entries = sorted(ledger, key=lambda entry: str(entry["received"]))
    if until is None:
        return entries
    if isinstance(until, frozenset):
        return [entry for entry in entries if entry["delivery_id"] in until]
    if isinstance(until, date):
        return [entry for entry in entries if entry["received"] <= until.isoformat()]
    found = [n for n, entry in enumerate(entries) if entry["delivery_id"].startswith(until)]
    if len(found) != 1:
        known = ", ".join(entry["delivery_id"] for entry in entries) or "none"
        number = "more than one delivery begins" if found else "no delivery of the store begins"
        raise UsageError(f"{number} with {until}; deliveries: {known}")
    return entries[: found[0] + 1]


def changes_of(state: Path, delivery_id: str) -> list[dict[str, Any]]:
    """What a delivery was found to lose against the files whose place it took."""
    return [
        change
        for entry in read_ledger(state)
        if entry["delivery_id"] == delivery_id
        for change in entry.get("changes", [])
    ]


def append(state: Path, entry: Entry) -> None:
    """Add a delivery to the ledger; call under the lock, after its files are kept."""
    lines = [json.dumps(each, ensure_ascii=False, sort_keys=True) for each in read_ledger(state)]
    lines.append(json.dumps(entry, ensure_ascii=False, sort_keys=True))
    write_whole(state / LEDGER, ["\n".join(lines).encode(), b"\n"])


def object_path(state: Path, sha256: str) -> Path:
    """Where the file with this hash is kept."""
    return state / "objects" / sha256[:2] / sha256


def keep(state: Path, path: Path, sha256: str) -> None:
    """Copy a file into the store unless it is there already.

    Raises:
        DlmError: the file is not the one that was read.
    """
    target = object_path(state, sha256)
    if target.exists() and hash_file(target) == sha256:
        return
    digest = hashlib.sha256()
    write_whole(target, _digesting(chunks(path), digest), lambda: digest.hexdigest() == sha256)


def _digesting(parts: Iterable[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    for part in parts:
        digest.update(part)
        yield part


def chunks(path: Path) -> Iterator[bytes]:
    """The bytes of a file, a piece at a time."""
    with path.open("rb") as handle:
        while part := handle.read(_CHUNK):
            yield part


def hash_file(path: Path) -> str:
    """sha256 of a file."""
    digest = hashlib.sha256()
    for part in chunks(path):
        digest.update(part)
    return digest.hexdigest()


def write_whole(
    path: Path, parts: Iterable[bytes], is_right: Callable[[], bool] = lambda: True
) -> None:
    """Write a file so that it is there whole, on disk, or as it was before.

    Args:
        path: file to write; its folder is made.
        parts: its bytes.
        is_right: asked once all is written; the file is put in place only if it says yes.

    Raises:
        DlmError: is_right said no.
        OSError: it could not be written.
    """
    _make_folder(path.parent)
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        with partial.open("wb") as handle:
            for part in parts:
                handle.write(part)
            handle.flush()
            os.fsync(handle.fileno())
        if not is_right():
            raise DlmError("a file changed while it was being read; load the delivery again")
        partial.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def _make_folder(folder: Path) -> None:
    """Make a folder and force its name to disk, so that no file in it can be lost.

    A folder in one that a group shares (group-writable, with the set-group-ID bit) is shared too.
    """
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    parent = folder.parent.stat().st_mode
    if parent & stat.S_ISGID and parent & stat.S_IWGRP:
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | stat.S_IWGRP)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Force the names in a folder to disk, where the system has a way to."""
    if sys.platform != "win32":
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextlib.contextmanager
def locked(state: Path) -> Iterator[None]:
    """Hold the store's lock, so that one command writes at a time; clears what a killed one left.

    Raises:
        DlmError: another command holds it for a minute; or the store cannot be written to (no
            room, no right), or a file outside it that the command needs is gone. The store is then
            as it was.
    """
    try:
        _make_folder(state)
        # A group may share a store: whoever may write in its folder may hold its lock.
        with FileLock(state / LOCK, timeout=_LOCK_SECONDS, mode=0o664):
            for partial in state.rglob("*.partial"):
                partial.unlink(missing_ok=True)
            yield
    except Timeout:
        raise DlmError(
            f"another command is writing to {state}; wait for it to end and try again"
        ) from None
    except OSError as error:
        raise (_cannot_use(error, state) or cannot_write(state, error)) from error


def _cannot_use(error: OSError, state: Path) -> DlmError | None:
    """What to tell the user where a file outside the store is to blame, say a delivered one."""
    name = error.filename
    if not isinstance(name, (str, Path)) or Path(name).absolute().is_relative_to(state.absolute()):
        return None
    return DlmError(
        f"cannot read or write {name}: {error.strerror}; nothing was changed in {state}: see that "
        "its disk or network drive is there, then try again"
    )


def cannot_write(where: Path, error: OSError) -> DlmError:
    """What to tell the user when a folder cannot be written to."""
    what = error.strerror or str(error)
    return DlmError(
        f"cannot write to {where}: {what}; nothing was changed: make room or get the right to "
        "write, then try again"
    )
