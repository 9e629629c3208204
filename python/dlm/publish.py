"""Make the published outputs beside the old ones and put them in place in one step each.

Everything is prepared in a folder of its own. The warehouse is replaced by one rename, so a reader
sees the old one or the new one and never half of one; a build that stops leaves all as it was.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from dlm import engine, store
from dlm.errors import DlmError
from dlm.sql_text import escaped, literal

Progress = Callable[[int, int, str], None]
PUBLISHED_SCHEMAS = ("reference", "core", "marts", "quality", "stats")
STORAGE_VERSION = "v1.0.0"
"""Analysts' clients are older than our engine: DuckDB 1.0 and later open this version."""

PARQUET = "format parquet, compression zstd, compression_level 1"
"""Half the room of the default, in the same time."""
_BYTES_A_ROW = 1000
"""What a row takes while it is sorted, at most: what is sorted at once is to stay in memory."""
_SAMPLED = 2_000
"""Rows for each part of a larger table that tell where to cut it."""
_GROUPED_BY = {"quality.record_sources": 2}
"""Views over many tables, with how many of their first columns tell the tables apart."""
_LARGEST_FIRST = "estimated_size desc nulls first, schema_name, table_name"
"""Views before tables. What takes most room to sort is sorted while the new file is small."""


def copy_warehouse(
    work: Path,
    target: Path,
    note: str = "",
    part: float = engine.SIDE_SHARE,
    progress: Progress = lambda done, total, name: None,
) -> None:
    """Copy the published schemas with their comments into a new file older clients can open.

    What is a view in the work database becomes a table. The rows of each stand in total order.

    Args:
        work: the work database.
        target: the file to write.
        note: what is said of every table after its own comment.
        part: share of the memory that it may take.
        progress: told how much is done, how much there is, and the table that is next.
    """
    target.unlink(missing_ok=True)
    connection = engine.connect(beside=target, part=part)
    try:
        connection.execute(f"attach '{escaped(work)}' as work (read_only)")
        connection.execute(
            f"attach '{escaped(target)}' as published (storage_version '{STORAGE_VERSION}')"
        )
        tables = _tables(connection, "work", _LARGEST_FIRST)
        sizes = _sizes(connection, "work")
        at_once = _rows_at_once(connection)
        for (schema, table, comment), told in _with_progress(tables, sizes, progress):
            connection.execute(f"create schema if not exists published.{schema}")
            name = f'{schema}."{table}"'
            rows = f"work.{name}"
            connection.execute(f"create table published.{name} as from {rows} limit 0")
            columns = _sorted_by(connection, rows)
            grouped_by = _GROUPED_BY.get(f"{schema}.{table}", 0)
            parts = _parts(connection, rows, columns, at_once, grouped_by)
            for number, cut in enumerate(parts):
                told(number / len(parts))
                connection.execute(
                    f"insert into published.{name} from {rows} where {cut} "
                    f"order by {', '.join(columns)}"
                )
            about = f"{comment or ''} {note}".strip()
            comment_on(connection, "table", f"published.{name}", about)
            for column, text in connection.execute(
                "select column_name, comment from duckdb_columns() where database_name = 'work' "
                "and schema_name = ? and table_name = ? and comment is not null",
                [schema, table],
            ).fetchall():
                comment_on(connection, "column", f'published.{name}."{column}"', text)
    finally:
        connection.close()


def _sorted_by(connection: duckdb.DuckDBPyConnection, rows: str) -> list[str]:
    """Columns of a table in the order that its rows are sorted by; keys (`*_key`) come last.

    Those that stand first in a table are hashes: sorted by them, what is asked for together (a
    patient's reads) lies far apart, and a large table takes a third more room.
    """
    names = [name for name, *_ in connection.execute(f"describe {rows}").fetchall()]
    return [f'"{name}"' for name in sorted(names, key=lambda name: name.endswith("_key"))]


def _rows_at_once(connection: duckdb.DuckDBPyConnection) -> int:
    """How many rows a connection sorts without writing any of them down meanwhile."""
    limit = connection.execute("select current_setting('memory_limit')").fetchall()[0][0]
    return (engine.size_of(limit) or 0) // _BYTES_A_ROW


def _parts(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    columns: Sequence[str],
    at_once: int,
    grouped_by: int = 0,
) -> list[str]:
    """Conditions that cut a table into parts that sort one after the other.

    A sort that spills takes half as long again as one that does not, and several times the room
    of the table. Of a view over many tables a part asks one of them: DuckDB holds memory for each
    table that it sorts from, and does not let go of it.

    Args:
        connection: has the table or view.
        rows: its name.
        columns: those that it is sorted by.
        at_once: rows of a part, about.
        grouped_by: how many of the first of them tell apart the tables that a view is made of; 0
            of a table.
    """
    leading, others = columns[:grouped_by], columns[grouped_by:]
    groups = connection.execute(
        f"select {''.join(f'{column}::varchar, ' for column in leading)} count(*) from {rows} "
        "group by all order by all"
    ).fetchall()
    return [
        cut
        for *values, count in groups
        for cut in _cuts(
            connection,
            rows,
            " and ".join(map(_is, leading, values)) or "true",
            math.ceil(count / at_once),
            count,
            others,
            others[0] if grouped_by else "rowid",
        )
    ]


def _cuts(
    connection: duckdb.DuckDBPyConnection,
    rows: str,
    group: str,
    wanted: int,
    count: int,
    columns: Sequence[str],
    sampled_by: str,
) -> list[str]:
    """Conditions that cut the rows of a group into parts of about the same size.

    The cuts are drawn from a sample, by as many leading columns as tell its parts apart.

    Args:
        connection: has the table or view.
        rows: its name.
        group: condition of the group.
        wanted: parts to cut it into.
        count: rows of the group.
        columns: those that it is sorted by.
        sampled_by: what the sample is drawn by.
    """
    if wanted < 2:
        return [group]
    one_in = max(1, count // (wanted * _SAMPLED))
    sampled = f"from {rows} where {group} and hash({sampled_by}) % {one_in} = 0"
    bounds: list[tuple[str | None, ...]] = []
    for width in range(1, len(columns) + 1):
        leading = columns[:width]
        drawn = connection.execute(
            f"select {', '.join(f'{column}::varchar' for column in leading)} {sampled} "
            f"order by {', '.join(leading)}"
        ).fetchall()
        at = (drawn[len(drawn) * part // wanted] for part in range(1, wanted) if drawn)
        bounds = [bound for bound in dict.fromkeys(at) if bound != drawn[0]]
        if len(bounds) == wanted - 1:
            break
    return [
        " and ".join([group, *_bounded(columns, start, end)])
        for start, end in zip([None, *bounds], [*bounds, None], strict=True)
    ]


def _bounded(
    columns: Sequence[str],
    start: Sequence[str | None] | None,
    end: Sequence[str | None] | None,
) -> Iterator[str]:
    """Conditions that a row is sorted neither before a start nor at or after an end.

    Where the end has a value in the first column, that column alone is compared beside: a scan
    passes over the blocks whose least and greatest values lie outside.
    """
    if end and end[0] is not None:
        if start:
            yield f"{columns[0]} >= '{escaped(start[0] or '')}'"
        yield f"{columns[0]} <= '{escaped(end[0])}'"
    if start:
        yield _stands_at_or_after(columns, start)
    if end:
        yield f"not {_stands_at_or_after(columns, end)}"


def _stands_at_or_after(columns: Sequence[str], bound: Sequence[str | None]) -> str:
    """Condition that a row is not sorted before a bound, nulls being last; it is never null."""
    column, value = columns[0], bound[0]
    same = _is(column, value)
    if len(bound) > 1:
        same = f"{same} and {_stands_at_or_after(columns[1:], bound[1:])}"
    after = [] if value is None else [f"{column} is null", f"{column} > '{escaped(value)}'"]
    return "(" + " or ".join([*after, same]) + ")"


def _is(column: str, value: str | None) -> str:
    """Condition that a column has a value; it is never null."""
    return f"{column} is not distinct from {'null' if value is None else literal(value)}"


def _tables(
    connection: duckdb.DuckDBPyConnection, database: str, order: str = "schema_name, table_name"
) -> list[tuple[str, str, str | None]]:
    return connection.execute(
        "select schema_name, table_name, comment from (from duckdb_tables() union all by name "
        "select *, view_name as table_name from duckdb_views()) "
        "where database_name = $database and list_contains($schemas, schema_name) "
        f"order by {order}",
        {"database": database, "schemas": list(PUBLISHED_SCHEMAS)},
    ).fetchall()


def _sizes(connection: duckdb.DuckDBPyConnection, database: str) -> dict[tuple[str, str], int]:
    """About how many rows each table of a database holds."""
    return {
        (schema, table): size
        for schema, table, size in connection.execute(
            "select schema_name, table_name, estimated_size from duckdb_tables() "
            "where database_name = ?",
            [database],
        ).fetchall()
    }


def _with_progress(
    tables: Sequence[tuple[str, str, str | None]],
    sizes: dict[tuple[str, str], int],
    progress: Progress,
) -> Iterator[tuple[tuple[str, str, str | None], Callable[[float], None]]]:
    """Tables one after the other; before each it is told how far we are, in thousands of rows.

    What a view holds is not known before it is read: as much as the largest table.

    Yields:
        A table, and what to call with the share of it that is done.
    """
    largest = max(sizes.values(), default=0)
    rows = [sizes.get((schema, table), largest) for schema, table, _ in tables]
    for at, table in enumerate(tables):

        def told(share: float, at: int = at) -> None:
            done = sum(rows[:at]) + share * rows[at]
            name = f"{tables[at][0]}.{tables[at][1]}, thousands of rows"
            progress(int(done) // 1000, sum(rows) // 1000, name)

        told(0)
        yield table, told


def comment_on(
    connection: duckdb.DuckDBPyConnection, kind: str, name: str, text: str | None
) -> None:
    """Describe a table or column, unless there is nothing to say."""
    if text:
        connection.execute(f"comment on {kind} {name} is {literal(text)}")


@dataclass(frozen=True)
class Column:
    """A column of a table that is not made by dbt."""

    name: str
    type: str
    comment: str


def add_table(
    warehouse: Path, name: str, comment: str, columns: Sequence[Column], rows: list[list[Any]]
) -> None:
    """Write a described table (schema.table) into a warehouse that is not published yet.

    Its rows stand in total order, as those of every published table do.
    """
    connection = engine.connect(warehouse)
    try:
        types = ", ".join(f"{column.name} {column.type}" for column in columns)
        connection.execute(f"create schema if not exists {name.split('.')[0]}")
        connection.execute(f"create or replace table {name} ({types})")
        comment_on(connection, "table", name, comment)
        for column in columns:
            comment_on(connection, "column", f"{name}.{column.name}", column.comment)
        if rows:
            connection.execute(f"create temporary table as_told ({types})")
            connection.executemany(
                f"insert into as_told values ({', '.join('?' * len(columns))})", rows
            )
            connection.execute(f"insert into {name} select * from as_told order by all")
    finally:
        connection.close()


def write_parquet(
    warehouse: Path,
    out: Path,
    note: str = "",
    part: float = engine.SIDE_SHARE,
    progress: Progress = lambda done, total, name: None,
) -> None:
    """Every published table as one Parquet file, rows as they stand: <schema>/<table>.parquet.

    Args:
        warehouse: the published tables.
        out: folder to write to.
        note: written into the metadata of every file as `note`, unless empty.
        part: share of the memory that it may take.
        progress: told how much is done, how much there is, and the table that is next.
    """
    kept = f", kv_metadata {{note: '{note}'}}" if note else ""
    connection = engine.connect(warehouse, read_only=True, part=part)
    try:
        database = connection.execute("select current_database()").fetchall()[0][0]
        tables = _tables(connection, database)
        sizes = _sizes(connection, database)
        for (schema, table, _), _ in _with_progress(tables, sizes, progress):
            folder = out / schema
            folder.mkdir(parents=True, exist_ok=True)
            connection.execute(
                f'copy (select * from {schema}."{table}") '
                f"to '{escaped(folder / f'{table}.parquet')}' ({PARQUET}{kept})"
            )
    finally:
        connection.close()


def table_digests(
    warehouse: Path,
    part: float = engine.SIDE_SHARE,
    progress: Progress = lambda done, total, name: None,
) -> dict[str, dict[str, Any]]:
    """Rows and an order-free digest of every published table; equal digests mean equal contents.

    The digest is the sum over rows of the first 88 bits of a row's MD5, so that rows which stand
    twice count twice (what a sum of 2 ** 39 rows may reach fits into DuckDB's largest integer).

    Args:
        warehouse: the published tables.
        part: share of the memory that it may take.
        progress: told how much is done, how much there is, and the table that is next.
    """
    connection = engine.connect(warehouse, read_only=True, part=part)
    try:
        database = connection.execute("select current_database()").fetchall()[0][0]
        texts = {
            (schema, table): cells
            for schema, table, cells in connection.execute(
                "select schema_name, table_name, string_agg("
                """format('coalesce("{}"::varchar, chr(30))', column_name), ', ' """
                "order by column_index) from duckdb_columns() "
                "where database_name = ? group by all",
                [database],
            ).fetchall()
        }
        tables = _tables(connection, database)
        digests = {}
        sizes = _sizes(connection, database)
        for (schema, table, _), _ in _with_progress(tables, sizes, progress):
            name, cells = f'{schema}."{table}"', texts[schema, table]
            rows, digest = connection.execute(
                f"select count(*), coalesce(sum((md5_number(concat_ws(chr(31), {cells})) >> 40)"
                f"::hugeint), 0)::varchar from {name}"
            ).fetchall()[0]
            digests[f"{schema}.{table}"] = {"rows": rows, "digest": digest}
        return digests
    finally:
        connection.close()


def write_manifest(path: Path, content: dict[str, Any]) -> None:
    """Write the run manifest: sorted, and without clock or machine in it."""
    path.write_text(
        json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8"
    )


def read_manifest(out: Path) -> dict[str, Any]:
    """The manifest of what is published.

    Raises:
        DlmError: nothing is published, or the manifest is damaged.
    """
    path = out / "manifest.json"
    if not path.is_file():
        raise DlmError(f"nothing is published in {out}; run: dlm build")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        content["stamp"], content["tables"]
    except (ValueError, KeyError, TypeError):
        raise DlmError(f"{path} is damaged; make it anew with: dlm build") from None
    return dict(content)


def file_digests(folder: Path) -> dict[str, str]:
    """sha256 of every file below a folder but the warehouse, by its path in it.

    Of the warehouse the digests of its tables tell more: its bytes differ from build to build.
    """
    return {
        path.relative_to(folder).as_posix(): store.hash_file(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.relative_to(folder) != Path("warehouse.duckdb")
    }


def put_in_place(prepared: Path, out: Path, names: Sequence[str]) -> None:
    """Move prepared outputs over the published ones, each by renaming, the warehouse last.

    Args:
        prepared: folder on the same file system that holds all of names.
        out: folder of the published outputs.
        names: files and folders to move, in order.

    Raises:
        DlmError: an output is held open by another program (Windows) or may not be written.
    """
    retired = out / ".retired"
    shutil.rmtree(retired, ignore_errors=True)
    retired.mkdir(parents=True)
    for name in names:
        try:
            if (out / name).is_dir():
                (out / name).replace(retired / name)
            (prepared / name).replace(out / name)
        except OSError as error:
            raise DlmError(
                f"cannot replace {out / name}: {error.strerror}; close the programs that use it "
                "and build again"
            ) from error
    if sys.platform != "win32":
        with contextlib.suppress(OSError):
            handle = os.open(out, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)
    shutil.rmtree(retired, ignore_errors=True)
