"""What a failed data test means, in words, and the keys of its rows with file and line.

Only keys and the tests' own words are told; what people typed into other cells is not.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from dlm import engine
from dlm.sql_text import literal

SHOWN = 10
"""Rows told of one test."""
KEYS = (
    "equation", "violation", "broken_condition", "column_name", "source", "form", "site_id",
    "patient_id", "lesion_id", "record_key", "stage", "visit_no", "modality", "timepoint",
    "read_date", "paramcd", "endpoint", "subset", "population", "stratum", "grouping",
    "group_name", "characteristic", "unit", "step", "rule_id", "claim_id", "test", "mart",
    "delivery_id", "file", "line", "delivery_file", "delivery_line",
)  # fmt: skip
"""Columns that may be told: keys, names of the code, and what a test itself says."""
_MEANING = {
    "unique_key": "Each row of {table} has its own {columns}.",
    "never_null": "The columns of {table} that are never blank are filled in every row.",
    "values_within": "The columns of {table} that have a list of values hold no other.",
    "holds": "Each row of {table} keeps every condition.",
    "every_record_once": "{table} has one row for each record of its form.",
    "relationships": "Each row of {table} points to a row that is there.",
}
"""What is true where a test that several tables share passes."""


@dataclass(frozen=True)
class DataTest:
    """A data test as dbt ran it.

    Attributes:
        meaning: what is true where it passes.
        path: file that says so.
        table: model it is of; empty for one of several models.
        sql: returns a row for each violation; `{relation}` stands for the table.
    """

    meaning: str
    path: str
    table: str
    sql: str


def data_test(node: Any) -> DataTest:
    """What dbt's node of a data test holds."""
    metadata = getattr(node, "test_metadata", None)
    table = str(getattr(node, "attached_node", None) or "").rpartition(".")[2]
    sql = (node.compiled_code or "").replace("{", "{{").replace("}", "}}")
    if metadata is None:
        said = re.match(r"(?:--[^\n]*\n)+", node.raw_code.lstrip())
        meaning = " ".join(line.lstrip("- ") for line in said[0].splitlines()) if said else ""
    else:
        given: Mapping[str, Any] = metadata.kwargs
        columns = given.get("columns", [])
        meaning = _MEANING.get(metadata.name, "The test of {table} passes.").format(
            table=table, columns=", ".join(columns)
        )
        # These tests count by column; which rows are meant is asked of the table.
        if metadata.name == "never_null":
            sql = _rows_of({column: f'"{column}" is null' for column in columns})
        if metadata.name == "values_within":
            sql = _rows_of(
                {
                    column: f'"{column}" not in ({", ".join(map(literal, allowed))})'
                    for column, allowed in given["values"].items()
                }
            )
    return DataTest(node.description or meaning, node.original_file_path, table, sql)


def _rows_of(conditions: Mapping[str, str]) -> str:
    return " union all ".join(
        f"select {literal(column)} as broken_column, * from {{relation}} where {condition}"
        for column, condition in conditions.items()
    )


def offending_rows(work: Path, test: DataTest) -> tuple[list[str], int]:
    """Keys of a failed test's rows, at most SHOWN, with file and line where known; and how many.

    Empty where its rows have no keys, or where they cannot be read again (on another engine).
    """
    connection = engine.connect(work, read_only=True)
    try:
        columns = ["broken_column", *KEYS]
        sql = test.sql.format(relation=_relation(connection, test.table))
        there = [row[0].lower() for row in connection.execute(f"describe {sql}").fetchall()]
        keys = [column for column in columns if column in there]
        if not keys:
            return [], 0
        listed = ", ".join(f'"{column}"' for column in keys)
        distinct = f"select distinct {listed} from ({sql})"
        rows = connection.execute(f"{distinct} order by all limit {SHOWN}").fetchall()
        ((total,),) = connection.execute(f"select count(*) from ({distinct})").fetchall()
        told = [_told(connection, test.table, dict(zip(keys, row, strict=True))) for row in rows]
        return told, total
    except duckdb.Error:
        return [], 0
    finally:
        connection.close()


def _relation(connection: duckdb.DuckDBPyConnection, table: str) -> str:
    found = connection.execute(
        "select table_schema from information_schema.tables where table_name = ? order by all",
        [table],
    ).fetchone()
    return f'"{found[0]}"."{table}"' if found else f'"{table}"'


def _told(connection: duckdb.DuckDBPyConnection, table: str, row: dict[str, Any]) -> str:
    """A row as 'patient_id JP07-012, stage 1 (seeds/jcog/jcog__surgery.csv, line 13)'."""
    file = row.pop("delivery_file", None) or row.pop("file", None)
    line = row.pop("delivery_line", None) or row.pop("line", None)
    keys = ", ".join(f"{name} {value}" for name, value in row.items() if value is not None)
    if file is None:
        file, line = _place(connection, table, row) or (None, None)
    if file is None:
        return keys
    return f"{keys} ({file}, line {line})" if line else f"{keys} ({file})"


def _place(
    connection: duckdb.DuckDBPyConnection, table: str, row: dict[str, Any]
) -> tuple[str, int] | None:
    """File and line of the record a row is of, or of its lesion or patient."""
    staged = _staged(connection)
    for form, key in (
        (row.get("form"), "record_key"),
        (table.rpartition("_")[2], "record_key"),
        ("lesion", "lesion_id"),
        ("registration", "patient_id"),
    ):
        if row.get(key) is None or form not in staged:
            continue
        found = connection.execute(
            " union all ".join(
                f"select delivery_file, delivery_line from staging.{name} where {key} = $key"
                for name in staged[form]
            )
            + " order by all limit 1",
            {"key": row[key]},
        ).fetchone()
        if found and found[0]:
            return found[0], found[1]
    return None


def _staged(connection: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """The staging models of each form."""
    staged: dict[str, list[str]] = {}
    for (name,) in connection.execute(
        "select table_name from information_schema.tables "
        "where table_schema = 'staging' and starts_with(table_name, 'stg_') order by all"
    ).fetchall():
        staged.setdefault(name.rpartition("__")[2], []).append(name)
    return staged
