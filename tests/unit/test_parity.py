"""Two warehouses are equal where every value is: text exactly, doubles nearly."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pytest

from dlm.parity import compare

ROWS = "(values (1, 'a', 0.25), (2, 'b', 62.5), (3, null, null)) as t (n, word, share)"


def warehouse(path: Path, *statements: str) -> Path:
    connection = duckdb.connect(str(path))
    try:
        connection.execute("create schema marts")
        connection.execute(
            "create table marts.shares as "
            f"select n, word, cast(share as double) as share from {ROWS}"
        )
        for statement in statements:
            connection.execute(statement)
    finally:
        connection.close()
    return path


def test_builds_that_differ_only_in_a_last_digit_are_equal(tmp_path: Path) -> None:
    first = warehouse(tmp_path / "first.duckdb")
    second = warehouse(
        tmp_path / "second.duckdb",
        "update marts.shares set share = share * (1 + 1e-12)",
        "create or replace table marts.shares as from marts.shares order by n desc",
    )

    assert [(table.table, table.equal) for table in compare(first, second)] == [
        ("marts.shares", True)
    ]


@pytest.mark.parametrize(
    ("first", "second", "is_equal"),
    [
        ("1.5", "1.5 + 1e-12", True),
        ("1e12", "1e12 + 1e-3", True),
        ("1.5", "1.5 + 1e-6", False),
        ("null", "null", True),
        ("null", "0", False),
        ("'nan'", "'nan'", True),
        ("'nan'", "5", False),
        ("5", "'nan'", False),
        ("'inf'", "'inf'", True),
        ("'inf'", "'-inf'", False),
        ("'inf'", "5", False),
        ("'inf'", "null", False),
    ],
)
def test_doubles_are_equal_nearly_and_what_is_no_number_only_to_itself(
    first: str, second: str, is_equal: bool, tmp_path: Path
) -> None:
    paths = tmp_path / "it's first.duckdb", tmp_path / "second.duckdb"
    for path, value in zip(paths, (first, second), strict=True):
        with duckdb.connect(str(path)) as connection:
            connection.execute("create schema core")
            connection.execute(f"create table core.t as select 'a' as k, {value}::double as x")
    (found,) = compare(*paths)
    assert (found.table, found.rows) == ("core.t", (1, 1))
    assert found.equal is is_equal


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ("update marts.shares set share = 62.4999 where n = 2", "share (1)"),
        ("update marts.shares set word = 'B' where n = 2", "word (1)"),
        ("update marts.shares set share = 0 where n = 3", "share (1)"),
        ("delete from marts.shares where n = 3", "numbers of rows differ"),
        ("alter table marts.shares add column more integer", "columns differ: more"),
        ("drop table marts.shares", "columns differ: n, share, word"),
    ],
)
def test_a_difference_is_named(tmp_path: Path, change: str, detail: str) -> None:
    first = warehouse(tmp_path / "first.duckdb")
    second = warehouse(tmp_path / "second.duckdb", change)

    (table,) = compare(first, second)

    assert not table.equal
    assert table.detail == detail


def test_sql_that_an_engine_ran_is_its_own_and_the_rest_is_compared(tmp_path: Path) -> None:
    def with_rules(name: str, looks_at: str, violated: str) -> Path:
        return warehouse(
            tmp_path / name,
            "create schema quality",
            "create table quality.rule_predicates as select 1 as predicate_no, "
            f"'{looks_at}' as looks_at, 'true' as applies, '{violated}' as violated",
        )

    first = with_rules("a.duckdb", "checked_read", "regexp_matches(x, 1)")
    second = with_rules("b.duckdb", "checked_read", "regexp_like(x, 1)")
    third = with_rules("c.duckdb", "checked_lesion", "regexp_like(x, 1)")

    assert [table.equal for table in compare(first, second)] == [True, True]
    assert compare(first, second)[1].detail.startswith("applies and violated not compared")
    assert [table.equal for table in compare(first, third)] == [True, False]
