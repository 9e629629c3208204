"""Ask the published warehouse one SQL question, read-only, and print or write the answer."""

from __future__ import annotations

import csv
import itertools
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import IO, Any

import duckdb

from dlm import engine
from dlm.errors import DlmError, UsageError

FORMATS = ("table", "csv", "json", "parquet")
_FORMULA_STARTS = tuple("=+-@＝＋－＠\t\r\n")
"""What begins a formula, by OWASP on CSV injection; a Japanese Excel takes full-width ones too."""
_AT_ONCE = 10_000
"""Rows of an answer in Python at the same time."""


def neutralise(value: Any) -> Any:
    """A text that a spreadsheet would take for a formula, marked as text; all else as it is."""
    if isinstance(value, str) and value.startswith(_FORMULA_STARTS):
        return "'" + value
    return value


def run_query(warehouse: Path, sql: str, form: str | None, out: Path | None) -> None:
    """Run one query on the published warehouse.

    Args:
        warehouse: published DuckDB file.
        sql: one statement that reads.
        form: one of FORMATS; None for what the name of the file says, a table without a file.
        out: file to write; None for standard output (not for parquet).

    Raises:
        DlmError: nothing is published, it cannot be read, or the query is wrong.
        UsageError: the format is not known, Parquet was asked for without a file, or not one thing
            was asked.
    """
    form = form or _format_of(out)
    if form == "parquet" and out is None:
        raise UsageError("--format parquet needs --out FILE")
    with engine.reading(warehouse) as connection:
        _find_without_schema(connection)
        if form != "parquet":
            connection.execute("set enable_external_access = false")
        try:
            statements = connection.extract_statements(sql)
            if len(statements) > 1:
                raise UsageError(f"{len(statements)} statements are given; ask one at a time")
            answer = connection.sql(sql) if statements else None
        except duckdb.Error as error:
            wrong = engine.unreadable(error, warehouse)
            raise DlmError(wrong or f"the query cannot run: {error}") from None
        if answer is None:
            raise UsageError("the query returns nothing; ask with select")
        try:
            _write(connection, sql, answer, form, out)
        except duckdb.Error as error:
            wrong = engine.unreadable(error, warehouse)
            raise DlmError(wrong or f"the query failed: {error}") from None


def _format_of(out: Path | None) -> str:
    if out is None:
        return "table"
    form = out.suffix.removeprefix(".").lower()
    if form not in FORMATS:
        raise UsageError(
            f"what to write into {out.name} is not said; add --format, or let the name end in "
            ".csv, .json or .parquet"
        )
    return form


def _find_without_schema(connection: duckdb.DuckDBPyConnection) -> None:
    """Let tables be named without their schema; `show tables` lists them all then."""
    ((schemas,),) = connection.execute(
        "select string_agg(distinct schema_name, ',' order by schema_name) from duckdb_tables()"
    ).fetchall()
    if schemas:
        connection.execute(f"set search_path = '{schemas}'")


def _can_draw_tables() -> bool:
    try:
        "┌─┐│└┘├┤".encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _write(
    connection: duckdb.DuckDBPyConnection,
    sql: str,
    answer: duckdb.DuckDBPyRelation,
    form: str,
    out: Path | None,
) -> None:
    if form == "parquet":
        answer.write_parquet(str(out))
        return
    if form == "table" and out is None and _can_draw_tables():
        answer.show(max_rows=10_000, max_width=10_000)
        return
    columns = _told_apart(answer.columns)
    connection.execute(sql)
    # The first rows come before a file is opened, so that a query that fails at once spoils none.
    first = connection.fetchmany(_AT_ONCE)
    blocks = itertools.chain([first], iter(lambda: connection.fetchmany(_AT_ONCE), []))
    handle = out.open("w", encoding="utf-8", newline="") if out else sys.stdout
    try:
        if form == "csv":
            writer = csv.writer(handle, lineterminator="\n")
            writer.writerow(neutralise(column) for column in columns)
            for rows in blocks:
                writer.writerows([neutralise(value) for value in row] for row in rows)
        elif form == "json":
            _write_json(handle, columns, blocks)
        else:
            from dlm.listing import aligned

            records = [dict(zip(columns, row, strict=True)) for rows in blocks for row in rows]
            handle.write(aligned(records, columns))
    finally:
        if out:
            handle.close()


def _write_json(
    handle: IO[str], columns: Sequence[str], blocks: Iterable[Sequence[tuple[Any, ...]]]
) -> None:
    """One list of an object for each row, block by block as json.dump would write it whole."""
    begin, end = "[", "[]\n"
    for rows in filter(None, blocks):
        records = [dict(zip(columns, row, strict=True)) for row in rows]
        text = json.dumps(records, ensure_ascii=False, indent=1, default=str)
        handle.write(begin + text.removeprefix("[").removesuffix("\n]"))
        begin, end = ",", "\n]\n"
    handle.write(end)


def _told_apart(names: Sequence[str]) -> list[str]:
    """Names of columns, those that repeat an earlier one numbered, as DuckDB does in a table."""
    told: list[str] = []
    for name in names:
        number, unused = 0, name
        while unused in told:
            number += 1
            unused = f"{name}_{number}"
        told.append(unused)
    return told
