"""The same models on Spark: what is missing is named, and they make the tables of DuckDB."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import duckdb
import pytest
from builds import PROJECT

from dlm import spark
from dlm.cli import main
from dlm.parity import compare
from dlm.project import import_path
from dlm.warehouse import NodeOutcome, Pace


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


def test_records_are_left_out_on_duckdb_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DLM_PROJECT", str(PROJECT))
    words = ["build", "--target", "spark", "--exclude-open-s1", "--out", str(tmp_path / "out")]
    assert main(words) == 2
    assert "build with --target duckdb, or waive the S1 queries" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_what_spark_needs_and_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark.importlib.util, "find_spec", lambda name: None)

    assert "pip install 'dlm-warehouse[spark]'" in spark.missing_parts()
    assert "dlm-warehouse[spark-cluster]" in spark.missing_parts("spark_thrift")


def test_a_machine_without_java_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spark.importlib.util, "find_spec", lambda name: object())
    monkeypatch.setattr(spark.shutil, "which", lambda name: None)
    monkeypatch.delenv("JAVA_HOME", raising=False)

    assert "Java 17" in spark.missing_parts()


def test_spark_builds_as_many_models_at_once_as_its_profile_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However large the delivery is for the memory that DuckDB may take."""
    job: dict[str, Any] = {
        name: str(tmp_path / name) for name in ("project", "work", "cache", "data")
    } | {"target": "spark_thrift", "tables": {}, "variables": {}, "exclude": [], "select": []}
    paces = []

    def built(*_: object, pace: Pace | None = None, **__: object) -> list[NodeOutcome]:
        paces.append(pace)
        return []

    monkeypatch.setenv("DLM_SPARK_RESULTS", "")
    monkeypatch.setattr("sys.stdin", io.StringIO(json.dumps(job)))
    monkeypatch.setattr(spark, "_register", lambda *_: None)
    monkeypatch.setattr(spark, "run_dbt", built)
    spark._main()
    assert paces == [Pace()]


def test_a_reference_table_that_cannot_be_made_ends_a_build_on_spark_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    failed = [NodeOutcome("ref_sites", "seed", "error", "Could not convert 'x' to INT32", 0)]
    monkeypatch.setattr(spark, "run_dbt", lambda *_, **__: failed)
    assert spark.run_on_spark(tmp_path, tmp_path / "work", tmp_path, {}, lambda *_: None) == failed


@pytest.mark.skipif(not spark.missing_parts(), reason="Spark can run here")
def test_a_build_on_spark_that_cannot_run_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DLM_PROJECT", str(PROJECT))

    assert main(["build", "--target", "spark", "--out", str(tmp_path)]) == 2
    assert "--target spark cannot run here" in capsys.readouterr().err
    assert not (tmp_path / "warehouse.duckdb").exists()


@pytest.mark.minutes
@pytest.mark.skipif(bool(spark.missing_parts()), reason=f"no Spark here: {spark.missing_parts()}")
def test_spark_and_duckdb_make_equal_tables_of_the_seeds(
    published: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every model, from the tables that the build on DuckDB began with.

    Data tests would say of equal tables what they said on DuckDB; `dlm bench parity` runs them too.
    """
    folder = tmp_path / "DREAM trial 試験"
    folder.mkdir()
    on_duckdb, on_spark = Path(published["out"]) / "work.duckdb", folder / "work.duckdb"
    copy_schema(on_duckdb, on_spark, "raw")
    monkeypatch.setenv("DLM_WORK_DB", str(on_spark))
    monkeypatch.setenv("PYTHONPATH", import_path())

    spark.run_on_spark(
        PROJECT,
        on_spark,
        folder / "cache",
        {"loaded_by_dlm": True},
        lambda done, total, name: None,
        exclude=["resource_type:test"],
    )

    tables = compare(on_duckdb, on_spark)
    assert [table for table in tables if not table.equal] == []
    assert {"core.fct_read", "marts.survival_comparison", "quality.violations"} <= {
        table.table for table in tables
    }
