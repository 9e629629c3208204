"""The same models on Spark: what is missing is named, and builds are compared to the last digit."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import duckdb
import pytest
from builds import PROJECT, run

from dlm import spark
from dlm.cli import main
from dlm.parity import compare
from dlm.project import import_path

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


def copy_schema(source: Path, target: Path, schema: str) -> None:
    connection = duckdb.connect(str(target))
    try:
        connection.execute(f"attach '{source}' as source (read_only)")
        connection.execute(f"create schema {schema}")
        for (table,) in connection.execute(
            "select table_name from duckdb_tables() "
            "where database_name = 'source' and schema_name = ?",
            [schema],
        ).fetchall():
            connection.execute(f'create table {schema}."{table}" as from source.{schema}."{table}"')
    finally:
        connection.close()


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


def test_records_are_left_out_on_duckdb_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DLM_PROJECT", str(PROJECT))
    words = ["build", "--target", "spark", "--exclude-open-s1", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    assert "build with --target duckdb, or waive the S1 queries" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


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


def test_what_spark_needs_and_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark.importlib.util, "find_spec", lambda name: None)

    assert "pip install 'dlm-warehouse[spark]'" in spark.missing_parts()
    assert "dlm-warehouse[spark-cluster]" in spark.missing_parts("spark_thrift")


def test_a_machine_without_java_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(spark.shutil, "which", lambda name: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)

    assert "Java 17" in spark.missing_parts()


@pytest.mark.skipif(not spark.missing_parts(), reason="Spark can run here")
def test_a_build_on_spark_that_cannot_run_changes_nothing(tmp_path: Path) -> None:
    done = run("dlm", "build", "--target", "spark", "--out", str(tmp_path))

    assert done.returncode == 2
    assert "--target spark cannot run here" in done.stderr
    assert not (tmp_path / "warehouse.duckdb").exists()


@pytest.mark.skipif(bool(spark.missing_parts()), reason=f"no Spark here: {spark.missing_parts()}")
def test_spark_and_duckdb_make_equal_tables_of_the_seeds(
    published: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every model, from the tables that the build on DuckDB began with.

    Data tests would say of equal tables what they said on DuckDB; `dlm bench parity` runs them too.
    """
    on_duckdb, on_spark = Path(published["out"]) / "work.duckdb", tmp_path / "work.duckdb"
    copy_schema(on_duckdb, on_spark, "raw")
    monkeypatch.setenv("DLM_WORK_DB", str(on_spark))
    monkeypatch.setenv("PYTHONPATH", import_path())

    spark.run_on_spark(
        PROJECT,
        on_spark,
        tmp_path / "cache",
        {"loaded_by_dlm": True},
        lambda done, total, name: None,
        exclude=["resource_type:test"],
    )

    tables = compare(on_duckdb, on_spark)
    assert [table for table in tables if not table.equal] == []
    assert {"core.fct_read", "marts.survival_comparison", "quality.violations"} <= {
        table.table for table in tables
    }
