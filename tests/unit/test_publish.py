"""What is published stands in total order, whatever it was in the work database."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from dlm import publish


@pytest.fixture
def work(tmp_path: Path) -> Path:
    path = tmp_path / "work.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            """
            create schema core;
            create schema quality;
            create schema staging;
            create table staging.reads as
            select * from (values ('b', 2), ('a', 3), ('a', 1)) as told (k, n);
            create table core.facts as select * from staging.reads;
            create view quality.sources as select n, k from staging.reads;
            comment on view quality.sources is 'Where records stand.';
            comment on column quality.sources.n is 'Line.';
            """
        )
    return path


def rows(warehouse: Path, table: str) -> list[tuple[object, ...]]:
    with duckdb.connect(str(warehouse), read_only=True) as connection:
        return connection.execute(f"from {table}").fetchall()


def test_a_view_is_published_as_a_described_table_in_order(work: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    publish.copy_warehouse(work, warehouse)
    assert rows(warehouse, "core.facts") == [("a", 1), ("a", 3), ("b", 2)]
    assert rows(warehouse, "quality.sources") == [(1, "a"), (2, "b"), (3, "a")]
    assert rows(warehouse, "(select table_name, comment from duckdb_tables())") == [
        ("facts", None),
        ("sources", "Where records stand."),
    ]
    assert ("Line.",) in rows(warehouse, "(select comment from duckdb_columns())")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["warehouse.duckdb", "work.duckdb"]


@pytest.mark.parametrize("column", ["k", "n", "same", "nothing", "seldom"])
def test_a_large_table_is_sorted_in_parts_that_follow_one_another(
    column: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with duckdb.connect(str(tmp_path / "work.duckdb")) as connection:
        connection.execute(
            "create schema core; create table core.facts as select "
            f"{column} as first_column, n from (select md5((n // 3)::varchar) as k, "
            "case when n % 50 > 0 then (n * 7919) % 1000 - 500 end as n, 'it''s' as same, "
            "null::varchar as nothing, case when n % 4 = 0 then n end as seldom "
            "from range(2000) as t (n))"
        )
    publish.copy_warehouse(tmp_path / "work.duckdb", tmp_path / "whole.duckdb")
    monkeypatch.setattr(publish, "_rows_at_once", lambda connection: 300)
    monkeypatch.setattr(publish, "_SAMPLED", 15)
    with duckdb.connect(str(tmp_path / "work.duckdb")) as connection:
        sizes = [
            connection.execute(f"select count(*) from core.facts where {part}").fetchall()[0][0]
            for part in publish._parts(connection, "core.facts", ["first_column", "n"], 300)
        ]
        assert len(sizes) == 7
        assert sum(sizes) == 2000
        assert 100 < min(sizes) <= max(sizes) < 500
    told: list[tuple[int, int, str]] = []
    publish.copy_warehouse(
        tmp_path / "work.duckdb",
        tmp_path / "parts.duckdb",
        progress=lambda *said: told.append(said),
    )
    assert [done for done, _, _ in told] == [0, 0, 0, 0, 0, 1, 1, 1], (
        "of 2 thousand rows in 7 parts"
    )
    assert {said[1:] for said in told} == {(2, "core.facts, thousands of rows")}
    in_parts = rows(tmp_path / "parts.duckdb", "core.facts")
    assert len(in_parts) == 2000
    assert in_parts == rows(tmp_path / "whole.duckdb", "core.facts")


def test_a_view_over_many_tables_is_sorted_one_of_them_at_a_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with duckdb.connect(str(tmp_path / "work.duckdb")) as connection:
        connection.execute(
            """
            create schema quality;
            create schema staging;
            create table staging.a as
            select md5((n // 3)::varchar) as k, n from range(700) as t (n);
            create table staging.b as
            select md5(n::varchar) as k, n % 9 as n from range(90) as t (n);
            create view quality.sources as
            select 'b' as source, k, n from staging.b union all
            select 'a' as source, k, n from staging.a union all
            select null as source, 'it''s' as k, n from staging.b;
            """
        )
    publish.copy_warehouse(tmp_path / "work.duckdb", tmp_path / "whole.duckdb")
    monkeypatch.setattr(publish, "_rows_at_once", lambda connection: 300)
    monkeypatch.setattr(publish, "_SAMPLED", 15)
    monkeypatch.setattr(publish, "_GROUPED_BY", {"quality.sources": 1})
    with duckdb.connect(str(tmp_path / "work.duckdb")) as connection:
        parts = [
            connection.execute(
                "select count(*), count(distinct coalesce(source, '')) "
                f"from quality.sources where {part}"
            ).fetchall()[0]
            for part in publish._parts(
                connection, "quality.sources", ["source", "k", "n"], 300, grouped_by=1
            )
        ]
    assert [tables for _, tables in parts] == [1, 1, 1, 1, 1]
    assert sum(count for count, _ in parts) == 880
    assert max(count for count, _ in parts) < 400
    publish.copy_warehouse(tmp_path / "work.duckdb", tmp_path / "parts.duckdb")
    in_parts = rows(tmp_path / "parts.duckdb", "quality.sources")
    assert len(in_parts) == 880
    assert in_parts == rows(tmp_path / "whole.duckdb", "quality.sources")


def test_surrogate_keys_are_sorted_by_last(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "work.duckdb")) as connection:
        connection.execute(
            "create schema core; create table core.facts as select * from "
            "(values ('9', 'b', 1), ('7', 'a', 2), ('8', 'a', 2)) as t (lesion_key, lesion_id, n)"
        )
    publish.copy_warehouse(tmp_path / "work.duckdb", tmp_path / "warehouse.duckdb")
    assert rows(tmp_path / "warehouse.duckdb", "core.facts") == [
        ("7", "a", 2),
        ("8", "a", 2),
        ("9", "b", 1),
    ]


def test_an_empty_table_is_published_too(tmp_path: Path) -> None:
    with duckdb.connect(str(tmp_path / "work.duckdb")) as connection:
        connection.execute("create schema core; create table core.facts (k text, n int)")
        connection.execute(
            "create schema quality; create view quality.record_sources as "
            "select k as source, k as form, n from core.facts"
        )
    publish.copy_warehouse(tmp_path / "work.duckdb", tmp_path / "warehouse.duckdb")
    assert rows(tmp_path / "warehouse.duckdb", "core.facts") == []
    assert rows(tmp_path / "warehouse.duckdb", "quality.record_sources") == []


def test_parquet_has_rows_in_the_order_of_the_warehouse(work: Path, tmp_path: Path) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    publish.copy_warehouse(work, warehouse)
    columns = [
        publish.Column("p", "double", "P value."),
        publish.Column("test", "varchar", "Test."),
    ]
    publish.add_table(warehouse, "stats.tests", "Tests.", columns, [[0.5, "x"], [0.1, "y"]])
    publish.write_parquet(warehouse, tmp_path / "parquet")
    found = {
        path.stem: [tuple(row.values()) for row in pq.read_table(path).to_pylist()]
        for path in (tmp_path / "parquet").rglob("*.parquet")
    }
    assert found == {
        "facts": [("a", 1), ("a", 3), ("b", 2)],
        "sources": [(1, "a"), (2, "b"), (3, "a")],
        "tests": [(0.1, "y"), (0.5, "x")],
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("values ('a', 1), ('b', 2)", "values ('a', 1), ('b', 3)"),
        ("values ('a', 'b')", "values ('a', null)"),
        ("values ('', null)", "values (null, '')"),
        ("values ('ab', 'c')", "values ('a', 'bc')"),
        ("values ('a', 1), ('a', 1), ('b', 2)", "values ('c', 3), ('c', 3), ('b', 2)"),
    ],
)
def test_digests_tell_tables_apart_whose_rows_differ(
    first: str, second: str, tmp_path: Path
) -> None:
    digests = {}
    for name, told in (
        ("first", first),
        ("second", second),
        ("again", f"select * from ({first}) order by 1 desc"),
    ):
        with duckdb.connect(str(tmp_path / f"{name}.duckdb")) as connection:
            connection.execute(f"create schema core; create table core.t as from ({told})")
        digests[name] = publish.table_digests(tmp_path / f"{name}.duckdb")["core.t"]
    assert digests["first"]["rows"] == digests["second"]["rows"]
    assert digests["first"]["digest"] != digests["second"]["digest"]
    assert digests["first"] == digests["again"]
