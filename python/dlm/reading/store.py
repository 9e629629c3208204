"""Stream records from a file into DuckDB, all text, each with its delivery, file, line and hash."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pyarrow as pa

from dlm.contracts import FileSpec
from dlm.sql_text import quoted

if TYPE_CHECKING:
    import duckdb

PROVENANCE = ("_delivery_id", "_file", "_line", "_record_hash")
_COMPARING = threading.Lock()
_COMPARED_AT_ONCE = 4_000_000


def create_table(connection: duckdb.DuckDBPyConnection, spec: FileSpec) -> None:
    """Make the empty raw table of a kind of file."""
    columns = ", ".join(f"{quoted(header)} varchar" for header in spec.headers)
    connection.execute(
        f"create or replace table raw.{quoted(spec.raw_table)} ({columns}, "
        "_delivery_id varchar, _file varchar, _line bigint, _record_hash varchar)"
    )


def store(
    connection: duckdb.DuckDBPyConnection,
    spec: FileSpec,
    name: str,
    delivery_id: str | None,
    batches: Iterator[pa.RecordBatch],
    escape: bool,
) -> int:
    """Store batches of records; the first of equal ones stays.

    The hash of a record is md5 over its fields joined by the unit separator.

    Args:
        connection: database that takes them.
        spec: which file of the source they are from.
        name: the file.
        delivery_id: the delivery; None to count repeated records without storing any.
        batches: columns of the spec in order, then _line.
        escape: whether a field may hold a separator, so that it must be escaped for different
            records never to share a text to hash.

    Returns:
        How many records repeated an earlier one.
    """
    fault: list[BaseException] = []

    def guarded() -> Iterator[pa.RecordBatch]:
        # DuckDB turns what a reader raises into an error of its own; keep the real one.
        try:
            yield from batches
        except BaseException as error:
            fault.append(error)
            raise

    schema = pa.schema([*((header, pa.string()) for header in spec.headers), ("_line", pa.int64())])
    connection.register("incoming_records", pa.RecordBatchReader.from_batches(schema, guarded()))
    connection.execute("begin transaction")
    try:
        if delivery_id is None:
            repeated = _count_repeated(connection, spec, escape)
        else:
            repeated = _insert(connection, spec, name, delivery_id, escape)
        connection.execute("commit")
    except Exception as error:
        with contextlib.suppress(Exception):  # a commit that failed has ended the transaction
            connection.execute("rollback")
        raise (fault[0] if fault else error) from None
    finally:
        connection.unregister("incoming_records")
    return repeated


def _count_repeated(connection: duckdb.DuckDBPyConnection, spec: FileSpec, escape: bool) -> int:
    connection.execute(
        "create or replace temporary table incoming_hashes as "
        f"select md5_number({_hashed(spec, escape)}) as record_hash from incoming_records"
    )
    count = _one(
        connection, "select count(*) - count(distinct record_hash) from incoming_hashes", []
    )
    connection.execute("drop table incoming_hashes")
    return count


def _insert(
    connection: duckdb.DuckDBPyConnection,
    spec: FileSpec,
    name: str,
    delivery_id: str,
    escape: bool,
) -> int:
    table = f"raw.{quoted(spec.raw_table)}"
    columns = ", ".join(quoted(header) for header in spec.headers)
    connection.execute(
        f"insert into {table} select {columns}, ?, ?, _line, md5({_hashed(spec, escape)}) "
        "from incoming_records",
        [delivery_id, name],
    )
    return _fold_copies(connection, table, [delivery_id, name])


def _fold_copies(connection: duckdb.DuckDBPyConnection, table: str, file: list[str]) -> int:
    """Take out of a file the records that repeat an earlier one; how many."""
    # Hashes of 8 bytes take a third of the memory; only where they meet are records compared. One
    # file at a time and so many records at once, for all readers share the memory.
    of_file = f"from {table} where _delivery_id = ? and _file = ?"
    connection.execute("create or replace temporary table suspected_hashes (short_hash ubigint)")
    parts = max(1, -(-_one(connection, f"select count(*) {of_file}", file) // _COMPARED_AT_ONCE))
    with _COMPARING:
        for part in range(parts):
            connection.execute(
                f"insert into suspected_hashes select hash(_record_hash) {of_file} "
                f"and hash(_record_hash) % {parts} = {part} group by all having count(*) > 1",
                file,
            )
    if not _one(connection, "select count(*) from suspected_hashes", []):
        return 0
    return _one(
        connection,
        f"with repeated as (select _record_hash, min(_line) as first_line from {table} "
        "where _delivery_id = $1 and _file = $2 "
        "and hash(_record_hash) in (select short_hash from suspected_hashes) "
        "group by _record_hash having count(*) > 1) "
        f"delete from {table} as stored using repeated where stored._delivery_id = $1 "
        "and stored._file = $2 and stored._record_hash = repeated._record_hash "
        "and stored._line > repeated.first_line",
        file,
    )


def _hashed(spec: FileSpec, escape: bool) -> str:
    columns = [quoted(header) for header in spec.headers]
    if escape:
        columns = [
            f"replace(replace({column}, chr(30), chr(30) || '0'), chr(31), chr(30) || '1')"
            for column in columns
        ]
    return f"concat_ws(chr(31), {', '.join(columns)})"


def _one(connection: duckdb.DuckDBPyConnection, query: str, values: list[str]) -> int:
    row = connection.execute(query, values).fetchone()
    return int(row[0]) if row else 0
