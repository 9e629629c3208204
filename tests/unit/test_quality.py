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
import duckdb
import offline
import pytest

from dlm.errors import DlmError
from dlm.quality.checks import CheckResult, CheckRun, check_suites, run_expectations
from dlm.quality.page import write_page
from dlm.quality.suites import DeclarationError, Expectation, Suite, load_suites
from dlm.stamp import Stamp
from dlm.workers import Worker

FIXTURE = Path(__file__).with_name("quality_fixture.sql")
STAMP = Stamp(
    synthetic=True,
    cutoff="2021-12-31",
    version="0.1.0",
    derivation_version="1",
    code_revision="0123456789",
    input_digest="abcdef0123456789",
)
# The blocks of the declaration are the same for each source; one of them is planted in.
CASES = [
    pytest.param(suite, item, id=f"{suite.table}-{item.number}-{item.expect}")
    for suite in load_suites()
    if "_jcog__" not in suite.table and "_us__" not in suite.table
    for item in suite.expectations
]


@pytest.fixture
def clean() -> duckdb.DuckDBPyConnection:
    return clean_trial()


def clean_trial() -> duckdb.DuckDBPyConnection:
    connection = duckdb.connect()
    connection.execute(FIXTURE.read_text(encoding="utf-8"))
    return connection


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def one(connection: duckdb.DuckDBPyConnection, suite: Suite, item: Expectation) -> CheckResult:
    run, _ = check_suites(connection, [dataclasses.replace(suite, expectations=(item,))])
    return run.results[0]


def suite_of(table: str) -> Suite:
    return next(suite for suite in load_suites() if suite.table == table)


def expectation(**changes: Any) -> Expectation:
    fields: dict[str, Any] = {
        "number": 1,
        "expect": "column_values_to_not_be_null",
        "kwargs": {"column": "segment"},
        "when": {},
        "set_from": None,
        "level": "blocking",
        "reason": "why",
        "reason_ja": "理由",
    }
    return Expectation(**(fields | changes))


# What is declared


def test_enough_is_declared_for_staging_and_core() -> None:
    suites = load_suites()
    assert sum(len(suite.expectations) for suite in suites) >= 60
    assert len(suites) >= 8
    assert {suite.layer for suite in suites} == {"staging", "core"}
    levels = Counter(item.level for suite in suites for item in suite.expectations)
    assert levels["blocking"] >= 20
    assert levels["warning"] >= 20


def test_no_expectation_is_declared_twice() -> None:
    for suite in load_suites():
        seen = [
            json.dumps([item.expect, item.kwargs, item.when], sort_keys=True, default=str)
            for item in suite.expectations
        ]
        assert len(set(seen)) == len(seen), suite.table


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("level: severe, reason: a, reason_ja: b", "level must be one of"),
        ("level: warning, reason: a", "in English and Japanese is missing"),
        ("level: warning, reason: a, reason_ja: b, wehn: {c: 1}", "unknown field(s) wehn"),
        (
            "level: warning, reason: a, reason_ja: b, when: {c: 1}, "
            "expect: column_pair_values_to_be_equal",
            "cannot be checked under a condition",
        ),
    ],
)
def test_a_bad_declaration_is_refused(tmp_path: Path, entry: str, said: str) -> None:
    if "expect" not in entry:
        entry += ", expect: column_values_to_not_be_null"
    path = tmp_path / "expectations.yml"
    path.write_text(
        f"- tables: [core.t]\n  keys: [k]\n  expectations:\n    - {{{entry}}}\n", encoding="utf-8"
    )
    with pytest.raises(DeclarationError) as refused:
        load_suites(path)
    assert said in str(refused.value)


# What is found


def test_a_clean_trial_passes_and_every_expectation_has_rows_to_check(
    clean: duckdb.DuckDBPyConnection, tmp_path: Path, no_network: None
) -> None:
    run = run_expectations(clean, tmp_path)
    assert [result.line() for result in run.results if result.status != "pass"] == []
    assert [result.line() for result in run.results if not result.n_checked] == []
    assert not run.blocking
    assert not run.warnings
    assert len(run.rows()) == sum(len(suite.expectations) for suite in load_suites())


@pytest.mark.parametrize(("suite", "item"), CASES)
def test_each_expectation_finds_what_violates_it(
    clean: duckdb.DuckDBPyConnection, suite: Suite, item: Expectation
) -> None:
    key = plant(clean, suite, item)
    result = one(clean, suite, item)
    assert result.status == ("fail" if item.level == "blocking" else "warn"), result
    assert result.n_violated
    assert result.n_violated <= (result.n_checked or 0)
    if key is None:
        assert result.failing_keys == ""
    else:
        assert key in result.failing_keys.split(", ")


def plant(connection: duckdb.DuckDBPyConnection, suite: Suite, item: Expectation) -> str | None:
    """Make one row violate the expectation; return its key (None: the table as a whole does)."""
    table = suite.table
    if item.expect == "table_row_count_to_be_between":
        connection.execute(f"delete from {table}")
        return None
    conditions = [condition(name, wanted) for name, wanted in item.when.items()]
    if item.expect != "column_values_to_be_null":
        conditions += [f"{name} is not null" for name in item.columns]
    where = " and ".join(conditions) or "true"
    row = connection.sql(f"select min(rowid) from {table} where {where}").fetchall()[0][0]
    assert row is not None, "the fixture has no row to plant in"
    if "to_be_unique" in item.expect:
        connection.execute(f"insert into {table} select * from {table} where rowid = {row}")
    else:
        column, value = violation(item, kinds(connection, table))
        connection.execute(f"update {table} set {column} = {value} where rowid = {row}")
    keys = ", ".join(f"coalesce(cast({key} as varchar), 'blank')" for key in suite.keys)
    found = connection.sql(
        f"select concat_ws('/', {keys}) from {table} where rowid = {row}"
    ).fetchall()[0][0]
    return str(found)


def kinds(connection: duckdb.DuckDBPyConnection, table: str) -> dict[str, str]:
    described = connection.sql(f"describe {table}").fetchall()
    return {row[0]: row[1] for row in described}


def condition(name: str, wanted: Any) -> str:
    if wanted in ("null", "not null"):
        return f"{name} is {wanted}"
    values = wanted if isinstance(wanted, list) else [wanted]
    return f"{name} in ({', '.join(literal(value) for value in values)})"


def literal(value: Any) -> str:
    return f"'{value}'" if isinstance(value, str) else str(value)


def violation(item: Expectation, types: dict[str, str]) -> tuple[str, str]:
    """Column to change and the SQL of a value that the expectation does not allow."""
    kwargs = item.kwargs
    column = item.columns[0]
    other = {"VARCHAR": "'zzz'", "BOOLEAN": f"not {column}", "DATE": "date '2020-02-02'"}
    if item.expect == "column_values_to_not_be_null":
        return column, "null"
    if item.expect == "column_values_to_not_be_in_set":
        return column, literal(kwargs["value_set"][0])
    if item.expect == "column_values_to_be_between":
        low = kwargs["min_value"]
        return column, str(low if kwargs.get("strict_min") else low - 1)
    if item.expect == "column_values_to_not_match_regex":
        return column, "'=1+1'"
    if item.expect == "column_pair_values_to_be_in_set":
        return item.columns[1], "'zz'"
    if item.expect == "column_pair_values_a_to_be_greater_than_b":
        return column, f"{item.columns[1]} - 1"
    if item.expect in ("column_pair_values_to_be_equal", "multicolumn_sum_to_equal"):
        return column, f"{column} + 1"
    return column, other.get(types[column], "77")


def test_an_upper_limit_is_held_too(clean: duckdb.DuckDBPyConnection) -> None:
    suite = suite_of("core.fct_read")
    clean.execute("update core.fct_read set size_mm = 1200 where read_key = 'r1'")
    run, _ = check_suites(clean, [suite])
    (found,) = run.warnings
    assert (found.column_name, found.detail) == ("size_mm", "1200")
    assert found.failing_keys == "EU01-001-L01/CT/baseline"
    assert (found.n_checked, found.n_violated) == (4, 1)


def test_at_most_fifty_keys_are_named_and_all_are_counted(
    clean: duckdb.DuckDBPyConnection,
) -> None:
    clean.execute(
        "insert into core.dim_site "
        "select 'XX' || i, 'eortc', 'Europe', 'BE' from range(100, 160) as t (i)"
    )
    run, _ = check_suites(clean, [suite_of("core.dim_site")])
    (found,) = run.blocking
    assert found.n_violated == 60
    assert len(found.failing_keys.split(", ")) == 50


# What could not run


def test_what_raises_is_an_error_and_blocks_at_either_level(
    clean: duckdb.DuckDBPyConnection,
) -> None:
    suite = suite_of("core.fct_lesion")
    unorderable = {"column": "segment", "min_value": 1, "max_value": 2}
    for level in ("blocking", "warning"):
        item = expectation(expect="column_values_to_be_between", kwargs=unorderable, level=level)
        result = one(clean, suite, item)
        assert result.status == "error"
        assert result.n_violated is None
        assert "could not run" in result.detail
        assert CheckRun((result,)).blocking == (result,)


def test_a_column_that_is_not_there_is_an_error_and_the_others_are_checked(
    clean: duckdb.DuckDBPyConnection,
) -> None:
    clean.execute("alter table core.fct_lesion drop column segment")
    run, _ = check_suites(clean, [suite_of("core.fct_lesion")])
    (result,) = run.blocking
    assert result.column_name == "segment"
    assert result.status == "error"
    assert "segment" in result.detail


def test_a_table_that_is_not_there_is_an_error_of_each_of_its_expectations(
    clean: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    clean.execute("drop table core.fct_followup")
    suites = [suite_of("core.fct_followup"), suite_of("core.dim_site")]
    run = run_expectations(clean, tmp_path, suites=suites)
    assert len(run.blocking) == len(suites[0].expectations)
    assert {result.status for result in run.blocking} == {"error"}
    assert {r.status for r in run.results if r.table_name == "core.dim_site"} == {"pass"}


def test_an_expectation_that_does_not_exist_is_an_error(clean: duckdb.DuckDBPyConnection) -> None:
    result = one(clean, suite_of("core.fct_lesion"), expectation(expect="column_to_be_nice"))
    assert result.status == "error"
    assert "ExpectColumnToBeNice" in result.detail


# What people look at


def faulty_trial() -> duckdb.DuckDBPyConnection:
    connection = clean_trial()
    connection.execute(
        """
        update core.fct_lesion set segment = '<img src=x onerror=alert(1)>' where lesion_no = 2;
        update core.fct_surgery set surgery_date = null where stage = 2;
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
def faulty() -> duckdb.DuckDBPyConnection:
    return faulty_trial()


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
    pages: Path,
) -> None:
    assert len(list(pages.rglob("*.html"))) == 2 + 2 * len(load_suites())
    assert offline.problems(pages) == []


def test_two_runs_give_the_same_files(
    faulty: duckdb.DuckDBPyConnection, pages: Path, tmp_path: Path
) -> None:
    write_pages(faulty, tmp_path)
    files = [str(path.relative_to(pages)) for path in pages.rglob("*") if path.is_file()]
    same, different, missing = filecmp.cmpfiles(pages, tmp_path, files, shallow=False)
    assert (different, missing) == ([], [])
    assert len(same) == len(files)


def test_values_from_files_are_shown_and_never_run(pages: Path) -> None:
    for path in ("index.html", "data_docs/validations/core.fct_lesion.html"):
        page = (pages / path).read_text(encoding="utf-8")
        assert "<img src=x" not in page
        assert "&lt;img src=x" in page


def test_data_docs_say_level_and_reason_and_can_show_failures_only(pages: Path) -> None:
    page = (pages / "data_docs/validations/core.fct_surgery.html").read_text(encoding="utf-8")
    assert 'id="failed-only"' in page
    assert "hide-succeeded-validation-target-child" in page
    assert "日付が分かって初めて" in page
    assert "A stage counts as performed when its date is known." in page
    assert "EU01-001" in page
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
        for table in ("core.fct_surgery", "core.fct_lesion"):
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
        assert "日付が分かって初めて" in text and "不合格のみ" in text
        assert "A stage counts as performed" not in text
        assert tab.errors == [] and tab.requests_elsewhere == []


def test_the_page_tells_stewards_what_was_found_and_where(pages: Path) -> None:
    page = (pages / "index.html").read_text(encoding="utf-8")
    n = sum(len(suite.expectations) for suite in load_suites())
    assert f"1 of {n} expectations stop publication." in page
    for text in (
        "EU01-001/2",  # the operation stage without its date
        "EU01-001-L02",  # the lesion with an unknown segment
        "jcog/read.csv",
        "&lt;b&gt;2019/13/45&lt;/b&gt;",
        "謎",
        "データ品質",
        "日付が分かって初めて",
        "Synthetic data",
        "2021-12-31",
        "the first 500 are shown",
        "This build has no such list.",
    ):
        assert text in page, text
    totals = page[page.index("All files") :]
    assert totals.index(">15<") < totals.index(">13<") < totals.index(">1<")


def test_collected_data_are_not_called_synthetic(
    clean: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    run = run_expectations(clean, tmp_path, suites=[suite_of("core.dim_site")])
    write_page(clean, run, tmp_path, dataclasses.replace(STAMP, synthetic=False))
    for path in tmp_path.rglob("*.html"):
        assert "Synthetic" not in path.read_text(encoding="utf-8"), path


# The worker


def test_the_worker_answers_in_one_line_each_and_ends_with_its_input(tmp_path: Path) -> None:
    database = tmp_path / "work.duckdb"
    faulty = faulty_trial()
    faulty.execute(f"attach '{database}' as work")
    faulty.execute("copy from database memory to work")
    faulty.execute("detach work")
    request = {
        "database": str(database),
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
    assert len(answered["results"]) == sum(len(suite.expectations) for suite in load_suites())
    assert [line for line in answered["blocking"] if "surgery_date" in line]
    assert [line for line in answered["warnings"] if "segment" in line]
    assert (tmp_path / "quality/index.html").is_file()
    assert (tmp_path / "quality/data_docs/index.html").is_file()
    assert "leaked" not in done.stderr


def test_a_failing_worker_stops_the_build_with_its_message(tmp_path: Path) -> None:
    request = {"database": "nowhere", "out": str(tmp_path), "stamp": dataclasses.asdict(STAMP)}
    with Worker("dlm.quality.worker") as worker:
        worker.ask(request)
        with pytest.raises(DlmError, match="nowhere"):
            worker.answer()
