"""DuckDB within the memory and the scratch folder that the user allows.

``DLM_MEMORY_LIMIT`` is what a whole command may take, ``DLM_TEMP`` the folder that takes what does
not fit. dbt's connection gets most of the memory and a connection beside it a share, for Python's
own and the helpers' comes on top. Without the settings DuckDB's defaults hold.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import itertools
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dlm.errors import DlmError, UsageError
from dlm.sql_text import literal

if TYPE_CHECKING:
    import duckdb

MEMORY, TEMP = "DLM_MEMORY_LIMIT", "DLM_TEMP"
MAIN_SHARE = 0.6
"""Of the memory, what DuckDB may take where a build does one thing."""
SIDE_SHARE = 0.15
"""What it may take in each of the processes that work side by side."""
SMALLEST_BUILD = 100_000_000
"""Room that a build takes however few records there are: parsed code, marts, figures, pages."""
BYTES_A_RECORD = 400
"""Room a build takes for each record delivered: work database, warehouse, Parquet, spilled data."""
_SPILLED_A_RECORD = 100
"""Of it, what is spilled at most."""
_SPILLING = itertools.count(1)
_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_DAMAGED = (
    "not a valid duckdb database",
    "corrupt database",
    "could not read enough bytes",
    "failed to deserialize",
    "serialization error",
    "internal error",
    "fatal error",
)
_DISK_FULL = ("max_temp_directory_size", "no space left", "disk is full")
_MEMORY_FULL = (
    "out of memory",
    "failed to allocate",
    "unable to allocate",
    "bad_alloc",
    "malloc of size",
    "memoryerror",
)
_JAVA_MEMORY_FULL = ("java heap space", "gc overhead limit", "java.lang.outofmemoryerror")
_BINARY = {"k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


def memory_limit() -> int | None:
    """Bytes that the command may take; None where nobody says.

    Raises:
        UsageError: the setting is no size.
    """
    text = os.environ.get(MEMORY, "").strip()
    if not text:
        return None
    size = size_of(text) or 0
    if size < 500e6:
        raise UsageError(f"{MEMORY}={text} is no size from 500MB; write it like 5GB")
    return size


def size_of(text: str) -> int | None:
    """Bytes of a size as people and DuckDB write it (5GB, 2.7 GiB); None where it is none."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)\s*([kmgt]?)(i?)b?(?:ytes)?", text.casefold())
    return int(float(found[1]) * (_BINARY if found[3] else _UNITS)[found[2]]) if found else None


def share(part: float) -> str | None:
    """A share of the memory as DuckDB reads it; None where there is no limit."""
    limit = memory_limit()
    return None if limit is None else f"{limit * part / 1e6:.0f}MB"


def spill_folder(database: Path) -> Path:
    """Where one connection may put what does not fit into memory: a folder of nobody else's.

    DuckDB 1.5 crashes where two connections share one. Below ``DLM_TEMP``, which others may read,
    it lies in a folder that only this account may open; so it does where a database lies in a
    folder that this account may only read.
    """
    number = next(_SPILLING)
    if os.environ.get(TEMP) or not os.access(database.parent, os.W_OK):
        from dlm.scratch import private_folder

        return private_folder() / str(number)
    return database.with_name(f"{database.name}.{os.getpid()}-{number}.tmp")


@contextlib.contextmanager
def dbt_spills(work: Path) -> Iterator[None]:
    """Name dbt the folder for what does not fit, cleared of what killed commands left.

    It is the same for every build of a work database, which one command at a time has: dbt parses
    all code anew where a setting of its profile has changed.
    """
    beside = work.with_name(f"{work.name}.tmp")
    for left in (beside, *work.parent.glob(f"{glob.escape(work.name)}.*.tmp")):
        shutil.rmtree(left, ignore_errors=True)
    for left in work.parent.glob("*.duckdb.*-*.tmp"):
        if _has_ended(left.name.split(".")[-2].partition("-")[0]):
            shutil.rmtree(left, ignore_errors=True)
    with contextlib.ExitStack() as stack:
        if os.environ.get(TEMP):
            from dlm.scratch import scratch_folder

            place = hashlib.sha256(str(work.resolve()).encode()).hexdigest()[:16]
            folder = stack.enter_context(scratch_folder(f"build-{place}"))
        else:
            folder = beside
            stack.callback(shutil.rmtree, beside, ignore_errors=True)
        os.environ["DLM_DUCKDB_TEMP"] = str(folder)
        yield


def _has_ended(process: str) -> bool:
    """Whether a process is known to have; Windows has no harmless way to ask."""
    if sys.platform == "win32" or not process.isdecimal():
        return False
    try:
        os.kill(int(process), 0)
    except ProcessLookupError:
        return True
    except OSError:
        return False
    return False


def connect(
    database: str | Path = ":memory:",
    read_only: bool = False,
    part: float = SIDE_SHARE,
    beside: Path | None = None,
) -> duckdb.DuckDBPyConnection:
    """A connection that keeps to the settings.

    Args:
        database: file, or one in memory.
        read_only: whether it may only read.
        part: share of the memory it may take.
        beside: file near which it puts what does not fit, where the database is in memory. DuckDB
            would take the folder that the command was called in.
    """
    import duckdb

    connection = duckdb.connect(str(database), read_only=read_only)
    connection.execute("set enable_progress_bar = false")
    if limit := share(part):
        connection.execute(f"set memory_limit = '{limit}'")
    if beside or str(database) != ":memory:" or os.environ.get(TEMP):
        folder = literal(spill_folder(beside or Path(database)))
        # Connections of one process to one file share a folder; it stays where one has used it.
        with contextlib.suppress(duckdb.NotImplementedException):
            connection.execute(f"set temp_directory = {folder}")
    return connection


def insert(
    connection: duckdb.DuckDBPyConnection, table: str, rows: Sequence[Sequence[Any]]
) -> None:
    """Add rows to a table in one transaction; in one each, every row would be forced to disk."""
    if not rows:
        return
    connection.begin()
    connection.executemany(f"insert into {table} values ({', '.join('?' * len(rows[0]))})", rows)
    connection.commit()


@contextlib.contextmanager
def reading(database: Path, again: str = "dlm build") -> Iterator[duckdb.DuckDBPyConnection]:
    """A connection that only reads a file which a build or a check made.

    Args:
        database: the file.
        again: the command that makes it anew.

    Raises:
        DlmError: it is not there, is damaged, is held by another program, or is an earlier
            version's.
    """
    if not database.is_file():
        raise DlmError(f"there is no warehouse at {database}; make one with: {again}")
    import duckdb

    try:
        connection = connect(database, read_only=True, part=MAIN_SHARE)
        try:
            yield connection
        finally:
            connection.close()
    except duckdb.Error as error:
        wrong = unreadable(error, database, again)
        if wrong:
            raise DlmError(wrong) from error
        if isinstance(error, (duckdb.CatalogException, duckdb.BinderException)):
            raise DlmError(
                f"{database} was made by an earlier version; make it anew with: {again}"
            ) from None
        raise


def unreadable(error: Exception, database: Path, again: str = "dlm build") -> str | None:
    """What is wrong with a file that cannot be read; None where the file is not to blame."""
    message = str(error)
    folded = message.casefold()
    named = re.search(r'file "([^"]+)"', message)
    if named and Path(named[1]).name not in str(database):
        return None
    if any(words in folded for words in _DAMAGED):
        return (
            f"{database} is damaged or no DuckDB database ({message.splitlines()[0]}); "
            f"make it anew with: {again}"
        )
    if in_use := held_elsewhere(error, database):
        return in_use
    if "permission denied" in folded:
        return f"{database} may not be read by this account; ask who made it for the right to"
    return None


def held_elsewhere(error: BaseException, database: Path) -> str | None:
    """What to do where an error means that another program has a file open; None where none has."""
    if "lock on file" not in str(error).casefold():
        return None
    return f"{database} is open in another program that may write to it; close that and try again"


def told_size(size: float) -> str:
    """Bytes as people say them."""
    return f"{size / 1e9:.1f} GB" if size >= 1e9 else f"{size / 1e6:.0f} MB"


def refuse_without_room(folder: Path, needed: int, named_by: str) -> None:
    """Stop before something is begun that the disk cannot hold.

    Args:
        folder: where it would be; it need not exist yet.
        needed: bytes.
        named_by: what the user names the folder with.

    Raises:
        DlmError: less is free than needed.
    """
    existing = next(place for place in (folder, *folder.absolute().parents) if place.exists())
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DlmError(
            f"about {told_size(needed)} are needed below {folder}, where {told_size(free)} are "
            f"free; make room, or name another folder with {named_by}"
        )


def _disk_of(folder: Path) -> int:
    return folder.stat().st_dev


def room_of_a_build(work: Path, records: int) -> int:
    """Stop before a build is begun that the disks cannot hold.

    Args:
        work: the database that will be built.
        records: how many were delivered.

    Returns:
        Bytes the build is expected to take.

    Raises:
        DlmError: less is free, there or where what does not fit into memory goes.
    """
    needed = SMALLEST_BUILD + records * BYTES_A_RECORD
    spilled = records * _SPILLED_A_RECORD
    named = os.environ.get(TEMP)
    if named and Path(named).exists() and _disk_of(Path(named)) != _disk_of(work.parent):
        refuse_without_room(Path(named), spilled, TEMP)
        refuse_without_room(work.parent, needed - spilled, "--out")
    else:
        refuse_without_room(work.parent, needed, "--out")
    return needed


def explained(error: str | BaseException, work: Path | None = None) -> str | None:
    """What is missing, where an error means that memory or disk ran out.

    Args:
        error: an error, or what one of another process said.
        work: the database that was worked on, where there is one.
    """
    message = str(error)
    folded = message.casefold()
    beside = work.parent if work else Path(tempfile.gettempdir())
    if any(words in folded for words in _DISK_FULL):
        named = re.search(r'file "([^"]+)"', message)
        if isinstance(error, OSError):
            # Python's own writing: what does not fit into memory is DuckDB's. Of a copy the second.
            name = error.filename2 or error.filename
            folder = Path(name).parent if isinstance(name, str) else beside
        else:
            folder = Path(named[1]).parent if named else Path(os.environ.get(TEMP) or beside)
        existing = next(place for place in (folder, *folder.parents) if place.exists())
        free = told_size(shutil.disk_usage(existing).free)
        return (
            f"the disk ran full below {existing} ({free} are free now); make room, name another "
            f"folder for what is made (--out) and for what does not fit into memory ({TEMP}), or "
            f"allow more memory in {MEMORY}"
        )
    if any(words in folded for words in _JAVA_MEMORY_FULL):
        return "the memory of Spark's Java process is too small; allow more in DLM_SPARK_MEMORY"
    if isinstance(error, MemoryError) or any(words in folded for words in _MEMORY_FULL):
        allowed = os.environ.get(MEMORY) or "DuckDB's default, 80 % of the machine's"
        return f"the memory is too small ({allowed}); allow more in {MEMORY}, or close programs"
    return None
