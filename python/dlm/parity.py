"""Are two builds equal, table by table? Counts and text exactly, doubles within a tolerance."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import duckdb

from dlm import engine
from dlm.sql_text import literal

TOLERANCE = 1e-9
"""Largest difference of two doubles, relative where they are beyond one."""
COMPARED_SCHEMAS = ("core", "marts", "quality")
SQL_TEXT = {"quality.rule_predicates": ("applies", "violated")}
"""Columns that hold SQL as it ran, each engine's own by design; they are not compared."""


@dataclass(frozen=True)
class TableParity:
    """How one table compares.

    Attributes:
        table: ``schema.table``.
        rows: rows in the first build and in the second; None where the table is not there.
        differing: rows that differ once both sides are in one order; None where they were not
            compared, the columns or the numbers of rows being different.
        detail: columns that differ, or what else does; those that were not compared.
    """

    table: str
    rows: tuple[int | None, int | None]
    differing: int | None
    detail: str

    @property
    def equal(self) -> bool:
        """Whether nothing differs."""
        return self.differing == 0


def compare(first: Path, second: Path) -> list[TableParity]:
    """Compare every table of core, marts and quality in two warehouses.

    Rows are matched by their place in the order of all their columns, doubles last, so that a
    difference in a last digit moves no row.
    """
    connection = engine.connect(beside=first, part=engine.MAIN_SHARE)
    try:
        for name, path in (("a", first), ("b", second)):
            connection.execute(f"attach {literal(path)} as {name} (read_only)")
        tables = connection.execute(
            "select distinct schema_name, table_name from duckdb_tables() "
            "where database_name in ('a', 'b') and list_contains(?, schema_name) order by all",
            [list(COMPARED_SCHEMAS)],
        ).fetchall()
        return [_compare_table(connection, schema, table) for schema, table in tables]
    finally:
        connection.close()


def _compare_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> TableParity:
    name = f"{schema}.{table}"
    columns = [_columns(connection, database, schema, table) for database in ("a", "b")]
    rows = tuple(
        connection.execute(f'select count(*) from {database}.{schema}."{table}"').fetchall()[0][0]
        if found
        else None
        for database, found in zip(("a", "b"), columns, strict=True)
    )
    counts = (rows[0], rows[1])
    if list(columns[0].items()) != list(columns[1].items()):
        unlike = {column for column, _ in set(columns[0].items()) ^ set(columns[1].items())}
        only = sorted(unlike) or ["their order"]
        return TableParity(name, counts, None, f"columns differ: {', '.join(only)}")
    if rows[0] != rows[1]:
        return TableParity(name, counts, None, "numbers of rows differ")
    doubles = [column for column, kind in columns[0].items() if kind in ("DOUBLE", "FLOAT")]
    left_out = SQL_TEXT.get(name, ())
    others = [column for column in columns[0] if column not in (*doubles, *left_out)]
    order = ", ".join(f'"{column}" nulls last' for column in [*others, *doubles])
    unequal = {
        column: doubles_differ(f'x."{column}"', f'y."{column}"')
        if column in doubles
        else f'x."{column}" is distinct from y."{column}"'
        for column in columns[0]
        if column not in left_out
    }
    numbered = {
        database: f"select *, row_number() over (order by {order}) as place_ "
        f'from {database}.{schema}."{table}"'
        for database in ("a", "b")
    }
    tallies = ", ".join(
        f"count(*) filter (where {condition})"
        for condition in [" or ".join(unequal.values()), *unequal.values()]
    )
    found = connection.execute(
        f"select {tallies} from ({numbered['a']}) as x inner join ({numbered['b']}) as y "
        "on x.place_ = y.place_"
    ).fetchall()[0]
    named = [
        f"{column} ({count})" for column, count in zip(unequal, found[1:], strict=True) if count
    ]
    if left_out:
        named.append(f"{' and '.join(left_out)} not compared: SQL of either engine")
    return TableParity(name, counts, found[0], ", ".join(named))


def _columns(
    connection: duckdb.DuckDBPyConnection, database: str, schema: str, table: str
) -> dict[str, str]:
    return dict(
        connection.execute(
            "select column_name, data_type from duckdb_columns() where database_name = ? "
            "and schema_name = ? and table_name = ? order by column_index",
            [database, schema, table],
        ).fetchall()
    )


def doubles_differ(left: str, right: str) -> str:
    """SQL condition that two doubles differ by more than `TOLERANCE`; it is never null.

    A null, an infinity or NaN is equal to itself alone.
    """
    near = f"abs({left} - {right}) <= {TOLERANCE} * greatest(1, abs({left}), abs({right}))"
    finite = f"isfinite({left}) and isfinite({right})"
    return f"({left} is distinct from {right} and not coalesce({finite} and {near}, false))"
