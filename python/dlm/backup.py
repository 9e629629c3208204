"""Back the state folder up while it is in use, and restore it after checking every byte.

A backup is one tar.gz that begins with a list of its files and their hashes. The ledger and all
else that may change is copied under the store's lock; delivered files never change once the ledger
names them and are read after it, so that no load waits for a large backup.
"""

from __future__ import annotations

import contextlib
import glob
import gzip
import hashlib
import io
import json
import os
import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import IO

from dlm import store
from dlm.errors import DlmError, UsageError
from dlm.scratch import scratch_folder

_LIST = "backup.json"
_FORMAT = 1


def back_up(state: Path, target: Path) -> int:
    """Write a backup of a store.

    Args:
        state: the store.
        target: file to write; there must be none yet.

    Returns:
        Files in the backup.

    Raises:
        UsageError: there is no store, or the target exists.
        DlmError: a file of the store is damaged, or the backup cannot be written.
    """
    if not (state / store.LEDGER).is_file():
        raise UsageError(f"the store {state} holds no delivery; there is nothing to back up")
    if target.exists():
        raise UsageError(f"{target} exists; name a file that does not")
    for left in target.parent.glob(f"{glob.escape(target.name)}.*.partial"):
        left.unlink(missing_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        with scratch_folder() as scratch:
            files = _snapshot(state, scratch)
            hashes = {name: store.hash_file(path) for name, path in files.items()}
            _check_store(scratch, hashes)
            with partial.open("wb") as handle:
                _write(handle, files, hashes)
                handle.flush()
                os.fsync(handle.fileno())
        partial.replace(target)
        store.sync_folder(target.parent)
    except OSError as error:
        raise store.cannot_write(target, error) from error
    finally:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
    return len(files)


def restore(source: Path, state: Path) -> int:
    """Put a backup in place of an empty store; whole, or not at all.

    Args:
        source: the backup.
        state: the store; must be empty or not exist.

    Returns:
        Deliveries in the restored store.

    Raises:
        UsageError: the store holds something, or the backup is not there.
        DlmError: the backup is damaged or is none; nothing was restored.
    """
    if not source.is_file():
        raise UsageError(f"there is no file {source}")
    if state.exists() and any(path.name != store.LOCK for path in state.iterdir()):
        raise UsageError(
            f"the store {state} is not empty; restore into another folder (DLM_STATE) or move "
            "this one away first"
        )
    prepared = state.with_name(f".{state.name}.restoring")
    shutil.rmtree(prepared, ignore_errors=True)
    try:
        prepared.mkdir(parents=True)
        try:
            hashes = _unpack(source, prepared)
        except (tarfile.TarError, EOFError, gzip.BadGzipFile, ValueError, KeyError) as error:
            raise DlmError(f"{source} is no whole backup ({error}); nothing was restored") from None
        _check_store(prepared, hashes)
        deliveries = len(store.read_ledger(prepared))
        if state.exists():
            (state / store.LOCK).unlink(missing_ok=True)
            state.rmdir()
        prepared.replace(state)
        store.sync_folder(state.parent)
    except OSError as error:
        raise store.cannot_write(state, error) from error
    finally:
        shutil.rmtree(prepared, ignore_errors=True)
    return deliveries


def _snapshot(state: Path, scratch: Path) -> dict[str, Path]:
    """Where to read each file of the store as it is at one moment, by its name in the store."""
    # Nobody loads into a store that may not be written to, so there is no lock to wait for.
    with store.locked(state) if os.access(state, os.W_OK) else contextlib.nullcontext():
        for path in sorted(state.rglob("*")):
            name = path.relative_to(state)
            if path.is_file() and name.parts[0] != "objects" and path.name != store.LOCK:
                (scratch / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, scratch / name)
    copied = {
        path.relative_to(scratch).as_posix(): path for path in scratch.rglob("*") if path.is_file()
    }
    kept = {
        path.relative_to(state).as_posix(): path
        for entry in store.read_ledger(scratch)
        for file in entry["files"]
        for path in [store.object_path(state, file["sha256"])]
        if path.is_file()
    }
    return dict(sorted((copied | kept).items()))


def _write(handle: IO[bytes], files: dict[str, Path], hashes: dict[str, str]) -> None:
    """Write list and files; no clock, owner or disk order, so equal stores give equal bytes."""
    content = json.dumps({"format": _FORMAT, "files": hashes}, indent=1, sort_keys=True).encode()
    with (
        gzip.GzipFile(fileobj=handle, mode="wb", filename="", mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        about = tarfile.TarInfo(_LIST)
        about.size = len(content)
        archive.addfile(about, io.BytesIO(content))
        for name, path in files.items():
            about = tarfile.TarInfo(f"state/{name}")
            about.size = path.stat().st_size
            with path.open("rb") as file:
                archive.addfile(about, file)


def _unpack(source: Path, prepared: Path) -> dict[str, str]:
    """Unpack a backup, checking each file against the list; the hashes of the list."""
    with tarfile.open(source, mode="r|gz") as archive:
        members = iter(archive)
        hashes = _read_list(archive, next(members, None))
        found = set()
        for member in members:
            name = member.name.removeprefix("state/")
            parts = PurePosixPath(name).parts
            stream = archive.extractfile(member) if member.isreg() else None
            if stream is None or name not in hashes or ".." in parts or name.startswith("/"):
                raise ValueError(f"it holds {member.name}, which is not in its list")
            digest = hashlib.sha256()
            store.write_whole(prepared / name, _digested(stream, digest))
            if digest.hexdigest() != hashes[name]:
                raise ValueError(f"{name} is not the file that was backed up")
            found.add(name)
    if found != hashes.keys():
        raise ValueError(f"{', '.join(sorted(hashes.keys() - found)[:3])} is missing")
    return hashes


def _read_list(archive: tarfile.TarFile, member: tarfile.TarInfo | None) -> dict[str, str]:
    stream = archive.extractfile(member) if member and member.name == _LIST else None
    if stream is None:
        raise ValueError("it does not begin with its list of files")
    content = json.loads(stream.read())
    if content["format"] != _FORMAT:
        raise ValueError(f"its format is {content['format']}, this program knows {_FORMAT}")
    return dict(content["files"])


def _digested(stream: IO[bytes], digest: hashlib._Hash) -> Iterator[bytes]:
    while part := stream.read(1 << 20):
        digest.update(part)
        yield part


def _check_store(state: Path, hashes: dict[str, str]) -> None:
    """Every file the ledger names is there and has the hash it is named by.

    Raises:
        DlmError: one is not.
    """
    for entry in store.read_ledger(state):
        for file in entry["files"]:
            name = store.object_path(state, file["sha256"]).relative_to(state).as_posix()
            if hashes.get(name) != file["sha256"]:
                raise DlmError(
                    f"{file['name']} of delivery {entry['delivery_id']} is missing or damaged in "
                    "the store; take it from an older backup or load the delivery again"
                )
