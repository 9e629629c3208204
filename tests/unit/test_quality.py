"""Expectations on staging and core, Data Docs and the stewards' page."""

from __future__ import annotations

import dataclasses
import filecmp
import json
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import browser
import builds
import duckdb
import offline
import pytest

from dlm.build import _refuse_broken
from dlm.engine import SIDE_SHARE
from dlm.errors import BlockedError
from dlm.quality.checks import CheckResult, CheckRun, check_suites, run_expectations
from dlm.quality.page import write_page
from dlm.quality.suites import Expectation, Suite, load_suites
from dlm.stamp import Stamp

STAMP = Stamp(
    synthetic=True,
    cutoff="2021-12-31",
    version="0.1.0",
    derivation_version="1",
    code_revision="0123456789",
    input_digest="abcdef0123456789",
)


def make_first_sites(folder: Path, plain_build: str) -> dict[str, str]:
    """What the expectations look at of a plain build, of the first sites of each source."""
    database = folder / "first_sites.duckdb"
    connection = duckdb.connect(str(database))
    # DuckDB 1.5 finds what a view is made of under the name of its file alone.
    built = Path(plain_build).stem
    connection.execute(f"attach '{plain_build}' as {built} (read_only)")
    tables = connection.execute(
        "select table_schema, table_name from information_schema.tables "
        f"where table_catalog = '{built}' and (table_schema in ('staging', 'core') "
        "or table_name in ('rule_expectations', 'rule_results')) order by all"
    ).fetchall()
    for schema, table in tables:
        connection.execute(f"create schema if not exists {schema}")
        connection.execute(f"create table {schema}.{table} as from {built}.{schema}.{table}")
        columns = connection.table(f"{schema}.{table}").columns
        if "patient_id" in columns and table != "dim_patient":
            connection.execute(
                f"create or replace table {schema}.{table} as "
                f"from {schema}.{table} where regexp_matches(patient_id, '0[1-3]-')"
            )
    connection.close()
    return {"database": str(database)}


@pytest.fixture(scope="module")
def first_sites(plain_build: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> str:
    """The database of the first sites, made once for all that copy it."""
    made = builds.once(
        tmp_path_factory,
        "first_sites",
        lambda folder: make_first_sites(folder, plain_build["database"]),
    )
    return str(made["database"])


def in_memory(database: str) -> duckdb.DuckDBPyConnection:
    """A copy that a test may spoil."""
    connection = duckdb.connect()
    connection.execute(f"attach '{database}' as copied (read_only)")
    connection.execute("copy from database copied to memory")
    connection.execute("detach copied")
    return connection


@pytest.fixture
def seeds(first_sites: str) -> duckdb.DuckDBPyConnection:
    return in_memory(first_sites)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def one(connection: duckdb.DuckDBPyConnection, suite: Suite, item: Expectation) -> CheckResult:
    run, _ = check_suites(connection, [dataclasses.replace(suite, expectations=(item,))])
    return run.results[0]


def suite_of(connection: duckdb.DuckDBPyConnection, table: str) -> Suite:
    return next(suite for suite in load_suites(connection) if suite.table == table)


def expectation(**changes: Any) -> Expectation:
    fields: dict[str, Any] = {
        "number": 1,
        "rule_id": "LE04",
        "severity": "S1",
        "expect": "column_values_to_not_be_null",
        "kwargs": {"column": "segment"},
        "when": {},
        "reason": "why",
        "reason_ja": "理由",
    }
    return Expectation(**(fields | changes))


# What the catalogue makes


def test_every_staging_and_core_table_has_a_suite(seeds: duckdb.DuckDBPyConnection) -> None:
    suites = load_suites(seeds)
    tables = seeds.execute(
        "select table_schema || '.' || table_name from information_schema.tables "
        "where table_schema in ('staging', 'core') and not starts_with(table_name, 'base_')"
    ).fetchall()
    guarded = {suite.table for suite in suites}
    assert {table for (table,) in tables} <= guarded
    assert guarded - {table for (table,) in tables} == {"quality.rule_results"}
    levels = Counter(item.level for suite in suites for item in suite.expectations)
    assert levels["blocking"] >= 50
    assert levels["warning"] >= 50


def test_no_expectation_is_made_twice(seeds: duckdb.DuckDBPyConnection) -> None:
    for suite in load_suites(seeds):
        made = [
            json.dumps([item.expect, item.kwargs, item.when], sort_keys=True)
            for item in suite.expectations
        ]
        assert len(set(made)) == len(made), suite.table


# What is found


def test_each_expectation_finds_what_violates_it(
    seeds: duckdb.DuckDBPyConnection, no_network: None
) -> None:
    """Each expectation has a record of its own spoilt, in the tables of one source and in core."""
    suites = [
        suite
        for suite in load_suites(seeds)
        if "_jcog__" not in suite.table and "_us__" not in suite.table
    ]
    before, _ = check_suites(seeds, suites)
    assert {result.status for result in before.results} == {"pass", "warn"}
    keys = {}
    for suite in suites:
        for row, item in enumerate(suite.expectations):
            if item.expect != "table_row_count_to_be_between":
                plant(seeds, suite.table, item, row)
        for row, item in enumerate(suite.expectations):
            keys[item.number] = key_of(seeds, suite, row)
    run, _ = check_suites(seeds, suites)
    items = [item for suite in suites for item in suite.expectations]
    silent = [
        result.line()
        for item, result in zip(items, run.results, strict=True)
        if item.expect != "table_row_count_to_be_between"
        and (
            result.status != ("fail" if item.level == "blocking" else "warn")
            or keys[item.number] not in result.failing_keys.split(", ")
        )
    ]
    assert silent == []


def test_an_empty_table_is_told(seeds: duckdb.DuckDBPyConnection) -> None:
    suite = suite_of(seeds, "core.dim_patient")
    seeds.execute("delete from core.dim_patient")
    run, _ = check_suites(seeds, [suite])
    (found,) = run.blocking
    assert (found.rule_id, found.status) == ("DV50", "fail")


def key_of(connection: duckdb.DuckDBPyConnection, suite: Suite, row: int) -> str:
    """How a result names a row."""
    parts = [f"coalesce(cast({key} as varchar), 'blank')" for key in suite.keys]
    told = connection.execute(
        f"select concat_ws('/', {', '.join(parts)}) from {suite.table} where rowid = {row}"
    ).fetchall()
    assert told, f"{suite.table} has too few rows to plant in"
    return str(told[0][0])


def plant(connection: duckdb.DuckDBPyConnection, table: str, item: Expectation, row: int) -> None:
    """Make one row violate the expectation."""
    types = {found[0]: found[1] for found in connection.sql(f"describe {table}").fetchall()}
    for name, wanted in item.when.items():
        value = wanted[0] if isinstance(wanted, list) else wanted
        if value == "not null":
            told = "'2019-01-01'" if types[name] == "DATE" else "77"
        else:
            told = "null" if value == "null" else literal(value)
        connection.execute(f"update {table} set {name} = {told} where rowid = {row}")
    if "to_be_unique" in item.expect:
        connection.execute(f"insert into {table} select * from {table} where rowid = {row}")
        return
    if item.expect == "column_pair_values_a_to_be_greater_than_b":
        later, earlier = item.columns
        low, high = ("1", "2") if types[later] != "DATE" else ("'2019-01-01'", "'2019-01-02'")
        change = f"{later} = {low}, {earlier} = {high}"
    elif item.expect == "column_pair_values_to_be_in_set":
        change = f"{item.columns[0]} = 'zz', {item.columns[1]} = 'zz'"
    else:
        change = f"{item.columns[0]} = {spoilt(item, types[item.columns[0]])}"
    connection.execute(f"update {table} set {change} where rowid = {row}")


def literal(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def spoilt(item: Expectation, type_name: str) -> str:
    """SQL of a value that the expectation does not allow in its column."""
    kwargs = item.kwargs
    if item.expect == "column_values_to_not_be_null":
        return "null"
    if item.expect == "column_values_to_not_be_in_set":
        return literal(kwargs["value_set"][0])
    if item.expect == "column_values_to_be_between":
        if "max_value" in kwargs:
            return str(kwargs["max_value"] + 1)
        low = kwargs["min_value"]
        return str(low if kwargs.get("strict_min") else low - 1)
    if item.expect == "column_values_to_be_in_set" and type_name == "BOOLEAN":
        return str(not kwargs["value_set"][0])
    return {"VARCHAR": "'zzz'", "DATE": "date '2020-02-02'"}.get(type_name, "77")


def test_a_lower_limit_is_held_too(seeds: duckdb.DuckDBPyConnection) -> None:
    suite = suite_of(seeds, "staging.stg_us__registration")
    seeds.execute("update staging.stg_us__registration set age = 12 where patient_id = 'US01-001'")
    run, _ = check_suites(seeds, [suite])
    found = next(result for result in run.warnings if result.column_name == "age")
    assert (found.rule_id, found.detail, found.failing_keys) == ("PT03", "12", "US01-001")


def test_at_most_fifty_keys_are_named_and_all_are_counted(
    seeds: duckdb.DuckDBPyConnection,
) -> None:
    seeds.execute("update core.dim_site set site_id = 'X' || site_id")
    seeds.execute("insert into core.dim_site select * from core.dim_site")
    seeds.execute(
        "insert into core.dim_site select * replace ('Y' || site_id as site_id) from core.dim_site"
    )
    run, _ = check_suites(seeds, [suite_of(seeds, "core.dim_site")])
    found = next(result for result in run.blocking if result.rule_id == "DV09")
    assert found.n_violated == 84
    assert len(found.failing_keys.split(", ")) == 42


# What could not run


@pytest.mark.parametrize("key", ["patient_id", "its_number"])
def test_of_a_long_table_a_sample_is_checked_and_every_record_that_a_rule_named(
    monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setattr("dlm.quality.checks.MAX_ROWS", 200)
    connection = duckdb.connect()
    connection.execute(
        f"""
        create schema staging;
        create schema quality;
        create table staging.stg_us__lesion as
        select 'R' || n as record_key, md5('R' || n) as {key}, n % 2 as size_mm
        from range(2000) as numbers (n);
        create table quality.violations as
        select 'LE01' as rule_id, record_key from staging.stg_us__lesion
        order by md5(record_key) desc limit 3
        """
    )
    item = expectation(rule_id="LE01", expect="column_values_to_be_between")
    item = dataclasses.replace(item, kwargs={"column": "size_mm", "min_value": 1}, when={})
    suite = Suite("staging.stg_us__lesion", ("record_key",), (item,))
    found, again = (check_suites(connection, [suite])[0].results[0] for _ in range(2))
    assert found == again
    assert found.n_checked is not None and 120 < found.n_checked < 280
    assert f"a sample, {found.n_checked} of 2,000 rows" in found.detail
    named = connection.execute("select record_key from quality.violations").fetchall()
    odd = {key for (key,) in named if int(key[1:]) % 2 == 0}
    monkeypatch.setattr("dlm.quality.checks.MAX_KEYS", 2000)
    keys = check_suites(connection, [suite])[0].results[0].failing_keys.split(", ")
    assert odd and odd <= set(keys)


def test_what_raises_is_an_error_and_blocks_at_either_level(
    seeds: duckdb.DuckDBPyConnection,
) -> None:
    suite = suite_of(seeds, "core.fct_lesion")
    unorderable = {"column": "segment", "min_value": 1, "max_value": 2}
    for severity in ("S1", "S3"):
        item = expectation(
            expect="column_values_to_be_between", kwargs=unorderable, severity=severity
        )
        result = one(seeds, suite, item)
        assert result.status == "error"
        assert result.n_violated is None
        assert "could not run" in result.detail
        assert CheckRun((result,)).blocking == (result,)


def test_a_column_that_is_not_there_is_an_error_and_the_others_are_checked(
    seeds: duckdb.DuckDBPyConnection,
) -> None:
    seeds.execute("alter table core.fct_lesion drop column days_to_regrowth")
    run, _ = check_suites(seeds, [suite_of(seeds, "core.fct_lesion")])
    (result,) = run.blocking
    assert (result.rule_id, result.column_name) == ("DV37", "days_to_regrowth")
    assert result.status == "error"
    assert "days_to_regrowth" in result.detail


def test_a_table_that_is_not_there_is_an_error_of_each_of_its_expectations(
    seeds: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    seeds.execute("drop table core.fct_followup")
    suites = [suite_of(seeds, "core.fct_followup"), suite_of(seeds, "core.dim_site")]
    run = run_expectations(seeds, tmp_path, suites=suites)
    assert len(run.blocking) == len(suites[0].expectations)
    assert {result.status for result in run.blocking} == {"error"}
    assert {r.status for r in run.results if r.table_name == "core.dim_site"} == {"pass"}


def test_an_expectation_that_does_not_exist_is_an_error(seeds: duckdb.DuckDBPyConnection) -> None:
    result = one(seeds, suite_of(seeds, "core.fct_lesion"), expectation(expect="column_to_be_nice"))
    assert result.status == "error"
    assert "ExpectColumnToBeNice" in result.detail


# What people look at


@pytest.fixture(scope="module")
def faulty(first_sites: str) -> duckdb.DuckDBPyConnection:
    """A trial with something to tell stewards in every list."""
    connection = in_memory(first_sites)
    connection.execute(
        """
        update staging.stg_eortc__lesion set segment = '<img src=x onerror=alert(1)>'
        where lesion_id = 'EU01-001-L02';
        update core.fct_surgery set surgery_date = null where patient_id = 'EU01-010';
        create table quality.row_accounting as
        from (values
            ('eortc', 'EU01', 'read', 'eortc/read.csv', 10, 8, 1, 1),
            ('jcog', 'JP01', 'read', 'jcog/read.csv', 5, 5, 0, 0)
        ) as t (source, site_id, form, file, records_in, loaded, quarantined, exact_duplicates);
        create table quality.unreadable_values as
        from (values ('jcog', 'read_date', 'JP01-001', '<b>2019/13/45</b>', 'jcog/read.csv', 7))
            as t (source, column_name, patient_id, raw_text, delivery_file, delivery_line);
        create table quality.unmapped_values as
        from (values ('jcog', 'read', 'verdict', '謎', 3))
            as t (source, form, column_name, source_value, n_records);
        create table quality.orphan_records as
        select 'us' as source, 'US01-001-L44' as lesion_id, i as delivery_line
        from range(600) as t (i);
        """
    )
    return connection


def write_pages(connection: duckdb.DuckDBPyConnection, out: Path) -> CheckRun:
    run = run_expectations(connection, out, synthetic=True)
    write_page(connection, run, out, STAMP)
    return run


@pytest.fixture(scope="module")
def pages(faulty: duckdb.DuckDBPyConnection, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages of the faulty trial, with the neighbours that a build writes beside them."""
    build = tmp_path_factory.mktemp("build")
    write_pages(faulty, build / "quality")
    (build / "docs").mkdir()
    (build / "docs" / "index.html").touch()
    (build / "report.html").touch()
    return build / "quality"


def test_pages_load_nothing_from_elsewhere_and_all_their_links_lead_somewhere(
    pages: Path, faulty: duckdb.DuckDBPyConnection
) -> None:
    assert len(list(pages.rglob("*.html"))) == 2 + 2 * len(load_suites(faulty))
    assert offline.problems(pages) == []


def test_two_runs_give_the_same_files(
    faulty: duckdb.DuckDBPyConnection, pages: Path, tmp_path: Path, no_network: None
) -> None:
    write_pages(faulty, tmp_path)
    files = [str(path.relative_to(pages)) for path in pages.rglob("*") if path.is_file()]
    same, different, missing = filecmp.cmpfiles(pages, tmp_path, files, shallow=False)
    assert (different, missing) == ([], [])
    assert len(same) == len(files)


def test_values_from_files_are_shown_and_never_run(pages: Path) -> None:
    for path in ("index.html", "data_docs/validations/staging.stg_eortc__lesion.html"):
        page = (pages / path).read_text(encoding="utf-8")
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page


def test_data_docs_say_level_and_reason_and_can_show_failures_only(pages: Path) -> None:
    page = (pages / "data_docs/validations/core.fct_surgery.html").read_text(encoding="utf-8")
    assert 'id="failed-only"' in page
    assert 'href="../../index.html#rule=' in page
    assert "hide-succeeded-validation-target-child" in page
    assert "実施とされた段階に日付がない" in page
    assert "A stage counts as performed and has no date." in page
    assert "EU01-010" in page
    assert "Synthetic data" in page


@pytest.mark.skipif(browser.PROGRAM is None, reason="no Chromium on this machine")
def test_data_docs_show_what_failed_only_in_the_language_chosen(
    pages: Path, tmp_path: Path
) -> None:
    rows = "[...document.querySelectorAll('tbody tr')].filter(r => r.querySelector('td .fas'))"
    shown = f"{rows}.filter(r => r.getClientRects().length)"
    failed = f"{rows}.filter(r => r.querySelector('.fa-times')).length"
    with browser.start(tmp_path) as started:
        tab = started.tab()
        for table in ("core.fct_surgery", "staging.stg_eortc__lesion"):
            tab.open(pages / f"data_docs/validations/{table}.html", "#start")
            tab.run("document.getElementById('show-all').click()")
            n, n_failed = tab.run(f"{rows}.length"), tab.run(failed)
            assert tab.run(f"{shown}.length") == n > n_failed > 0
            tab.run("document.querySelector('#failed-only').click()")
            assert tab.run(f"{shown}.length") == n_failed
            assert tab.run(f"{shown}.every(r => r.querySelector('.fa-times'))")
            assert tab.texts("#shown-count") == [f"{n_failed} / {n}"]
            # A table that is sorted is drawn anew; what passed stays hidden.
            tab.run("document.querySelectorAll('th .sortable').forEach(head => head.click())")
            assert tab.run(f"{shown}.length") == n_failed
            tab.run("document.querySelector('#show-all').click()")
            assert tab.run(f"{shown}.length") == n
        tab.run("document.querySelector('#failed-only').click()")
        tab.run("document.getElementById('language-ja').click()")
        tab.open(pages / "data_docs/validations/core.fct_surgery.html")
        assert tab.run("document.getElementById('failed-only').checked")
        text = tab.run("document.querySelector('main').innerText")
        assert "実施とされた段階に日付がない" in text and "不合格のみ" in text
        assert "A stage counts as performed" not in text
        assert tab.errors == [] and tab.requests_elsewhere == []


def test_the_page_tells_stewards_what_was_found_and_where(
    pages: Path, faulty: duckdb.DuckDBPyConnection
) -> None:
    page = (pages / "index.html").read_text(encoding="utf-8")
    n = sum(len(suite.expectations) for suite in load_suites(faulty))
    assert f"1 of {n} expectations stop publication unless" in page
    for text in (
        "EU01-010/1",  # the operation stage without its date
        "EU01-001-L02",  # the lesion with an unknown segment
        "jcog/read.csv",
        "&lt;b&gt;2019/13/45&lt;/b&gt;",
        "謎",
        "データ品質",
        "実施とされた段階に日付がない",
        "Synthetic data",
        "2021-12-31",
        "the first 500 are shown",
        "This build has no such list.",
    ):
        assert text in page, text
    totals = page[page.index("All files") :]
    assert totals.index(">15<") < totals.index(">13<") < totals.index(">1<")


def test_collected_data_are_not_called_synthetic(
    seeds: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    run = run_expectations(seeds, tmp_path, suites=[suite_of(seeds, "core.dim_site")])
    write_page(seeds, run, tmp_path, dataclasses.replace(STAMP, synthetic=False))
    for path in tmp_path.rglob("*.html"):
        assert "Synthetic" not in path.read_text(encoding="utf-8"), path


# The worker


def test_the_worker_answers_in_one_line_each_and_ends_with_its_input(
    tmp_path: Path, faulty: duckdb.DuckDBPyConnection
) -> None:
    database = tmp_path / "work.duckdb"
    faulty.execute(f"attach '{database}' as work")
    faulty.execute("copy from database memory to work")
    faulty.execute("detach work")
    request = {
        "database": str(database),
        "memory": SIDE_SHARE,
        "out": str(tmp_path / "quality"),
        "stamp": dataclasses.asdict(STAMP),
    }
    bad = request | {"database": str(tmp_path / "nowhere.duckdb")}
    done = subprocess.run(
        [sys.executable, "-m", "dlm.quality.worker"],
        input="".join(json.dumps(line) + "\n" for line in (bad, request)),
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=True,
    )
    failed, answered = (json.loads(line) for line in done.stdout.splitlines())
    assert "nowhere.duckdb" in failed["error"]
    assert len(answered["results"]) == sum(len(suite.expectations) for suite in load_suites(faulty))
    assert [line for line in answered["blocking"] if "surgery_date" in line]
    assert [line for line in answered["warnings"] if "segment" in line]
    assert (tmp_path / "quality/index.html").is_file()
    assert (tmp_path / "quality/data_docs/index.html").is_file()
    assert "leaked" not in done.stderr


@pytest.mark.parametrize(
    ("rule", "status", "stops"),
    [("DV01", "fail", True), ("SU02", "fail", False), ("SU02", "error", True)],
)
def test_a_broken_expectation_stops_a_build_unless_a_query_answers_for_it(
    rule: str, status: str, stops: bool, tmp_path: Path
) -> None:
    work = tmp_path / "work.duckdb"
    with duckdb.connect(str(work)) as connection:
        connection.execute(
            "create schema quality; create table quality.queries as select * from "
            "(values ('SU02', 'waived'), ('DV01', 'resolved')) as t (rule_id, state)"
        )
    checks = {"blocking": [f"{rule} broke"], "blocking_rules": [[rule, status]]}
    kept: list[str] = []
    if not stops:
        _refuse_broken(checks, work, lambda: kept.append("findings"))
        assert kept == []
        return
    with pytest.raises(BlockedError, match=rf"{rule} broke\nhave the records they name corrected"):
        _refuse_broken(checks, work, lambda: kept.append("findings"))
    assert kept == ["findings"]
