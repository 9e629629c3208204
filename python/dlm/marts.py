"""Reading marts: rows as dictionaries, for figures and pages."""

from __future__ import annotations

from typing import Any

import duckdb

Row = dict[str, Any]


def rows(connection: duckdb.DuckDBPyConnection, sql: str, *parameters: object) -> list[Row]:
    """Run one query and return its rows, each keyed by column name."""
    # DuckDB 1.5 imports pandas for a list of parameters, be it empty.
    cursor = connection.execute(sql, list(parameters) or None)
    names = [column[0] for column in cursor.description or []]
    return [dict(zip(names, values, strict=True)) for values in cursor.fetchall()]


def has_table(connection: duckdb.DuckDBPyConnection, schema: str, table: str) -> bool:
    """Whether the warehouse holds `schema.table`."""
    found = connection.execute(
        "select count(*) from information_schema.tables where table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchone()
    return found is not None and found[0] > 0


def settings(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """`marts.build_settings` as a dictionary of texts; a setting without a value is left out."""
    found = rows(connection, "select setting, value from marts.build_settings order by setting")
    return {row["setting"]: str(row["value"]) for row in found if row["value"] is not None}


def confidence(connection: duckdb.DuckDBPyConnection) -> str:
    """The level of every interval as it is printed beside them, such as 95 %."""
    return f"{100 * float(settings(connection)['confidence_level']):g} %"
