"""Commands: what they print, write and answer with."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import builds
import duckdb
import pytest

from dlm import engine
from dlm.cli import main
from dlm.console import Console
from dlm.query import neutralise

_STAMP = {
    "synthetic": True,
    "cutoff": None,
    "version": "1",
    "derivation_version": "1",
    "code_revision": "",
    "input_digest": "",
    "notes": [],
    "excluded_records": 0,
}
ANALYSES = sorted((builds.PROJECT / "analyses").glob("*.sql"))


@pytest.fixture
def in_published(published: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DLM_PROJECT", str(builds.PROJECT))
    monkeypatch.setenv("DLM_OUT", published["out"])


@pytest.fixture
def small_warehouse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A published warehouse of one table, where the whole one is not needed."""
    connection = duckdb.connect(str(tmp_path / "warehouse.duckdb"))
    connection.execute("create table t as select '=1+1' as a, 1 as b union all select 'x', null")
    connection.close()
    monkeypatch.setenv("DLM_PROJECT", str(builds.PROJECT))
    monkeypatch.setenv("DLM_OUT", str(tmp_path))
    return tmp_path


def test_sql_csv_is_safe_in_a_spreadsheet(
    small_warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sql", "from t order by a", "--format", "csv"]) == 0
    assert capsys.readouterr().out == "a,b\n'=1+1,1\nx,\n"


@pytest.mark.parametrize(
    "words",
    [
        ["sql", "from t", "--format", "csv"],
        ["km", "select b as time, b as event from t", "--time", "time", "--event", "event"],
    ],
)
def test_records_left_out_are_told_beside_an_answer_and_not_in_it(
    small_warehouse: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    main(words)
    before = capsys.readouterr()
    assert "left out of this build" not in before.err
    manifest = small_warehouse / "manifest.json"
    manifest.write_text('{"stamp": {"excluded_records": 3}}', encoding="utf-8")
    main(words)
    after = capsys.readouterr()
    note = "note: 3 records are left out of this build for open S1 queries\n"
    assert after.err == note + before.err
    assert after.out == before.out


@pytest.mark.parametrize(
    "value", ["=x", "+1", "-1", "@x", "＝x", "＋1", "－1", "＠x", "\tx", "\rx", "\nx"]
)
def test_formula_starts_are_neutralised(value: str) -> None:
    assert neutralise(value) == "'" + value


def test_numbers_are_left_alone() -> None:
    assert [neutralise(value) for value in (-1, -1.5, None, "a-b")] == [-1, -1.5, None, "a-b"]


def test_sql_json_and_table(small_warehouse: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["sql", "from t order by a", "--format", "json"]) == 0
    assert json.loads(capsys.readouterr().out) == [{"a": "=1+1", "b": 1}, {"a": "x", "b": None}]
    assert main(["sql", "select count(*) as n from t"]) == 0
    assert "n" in capsys.readouterr().out


def test_sql_parquet(small_warehouse: Path, tmp_path: Path) -> None:
    target = tmp_path / "t.parquet"
    assert main(["sql", "from t", "--format", "parquet", "--out", str(target)]) == 0
    with duckdb.connect() as connection:
        counted = connection.execute(f"select count(*) from '{target}'").fetchall()
    assert counted == [(2,)]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("t.csv", "a,b\n'=1+1,1\nx,\n"),
        ("t.JSON", '[\n {\n  "a": "=1+1",\n  "b": 1\n },\n {\n  "a": "x",\n  "b": null\n }\n]\n'),
    ],
)
def test_a_file_is_written_as_its_name_says(
    small_warehouse: Path, tmp_path: Path, name: str, content: str
) -> None:
    target = tmp_path / name
    assert main(["sql", "from t order by a", "--out", str(target)]) == 0
    assert target.read_text(encoding="utf-8") == content


@pytest.mark.parametrize("number", [0, 4, 5])
def test_a_long_answer_is_written_block_by_block_as_a_short_one(
    small_warehouse: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    monkeypatch.setattr("dlm.query._AT_ONCE", 2)
    query = f"select i as a, [i, 7] as b, 'x\n\u2028' as c from range({number}) as r (i) order by i"
    for form in ("csv", "json"):
        assert main(["sql", query, "--out", str(small_warehouse / f"t.{form}")]) == 0
    rows = [{"a": i, "b": [i, 7], "c": "x\n\u2028"} for i in range(number)]
    told = (small_warehouse / "t.json").read_text(encoding="utf-8")
    assert told == json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
    with (small_warehouse / "t.csv").open(encoding="utf-8", newline="") as handle:
        listed = list(csv.DictReader(handle))
    assert listed == [{name: str(value) for name, value in row.items()} for row in rows]


@pytest.mark.parametrize("words", [["load"], ["build", "--deliveries"], ["check", "--deliveries"]])
def test_a_day_of_receipt_that_lies_ahead_is_refused_by_whatever_takes_a_delivery(
    small_warehouse: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
) -> None:
    monkeypatch.setenv("DLM_STATE", str(small_warehouse / "state"))
    assert main([*words, str(small_warehouse), "--received", "2962-03-01"]) == 2
    assert "2962-03-01 lies ahead" in capsys.readouterr().err


def test_a_table_is_written_whole(small_warehouse: Path, tmp_path: Path) -> None:
    target = tmp_path / "t.txt"
    query = "select i as a, i as b, i as c, i as d, i as e, i as f from range(12000) r (i)"
    assert main(["sql", query, "--format", "table", "--out", str(target)]) == 0
    lines = target.read_text(encoding="utf-8").splitlines()
    assert lines[0].split() == list("abcdef")
    assert lines[-1].split() == ["11999"] * 6
    assert len(lines) == 12001


def test_a_file_whose_name_says_nothing_is_asked_about(
    small_warehouse: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sql", "from t", "--out", str(tmp_path / "t.txt")]) == 2
    assert "add --format" in capsys.readouterr().err
    assert not (tmp_path / "t.txt").exists()


@pytest.mark.parametrize(
    ("form", "answer"),
    [("json", '[\n {\n  "a": 1,\n  "a_1": 2\n }\n]\n'), ("csv", "a,a_1\n1,2\n")],
)
def test_columns_of_one_name_are_told_apart(
    small_warehouse: Path, capsys: pytest.CaptureFixture[str], form: str, answer: str
) -> None:
    assert main(["sql", "select 1 as a, 2 as a", "--format", form]) == 0
    assert capsys.readouterr().out == answer


@pytest.mark.parametrize(
    ("query", "code", "words"),
    [
        ("select nothing from t", 4, "cannot run"),
        ("create table u as select 1", 4, "read-only"),
        ("delete from t", 4, "read-only"),
        ("select * from read_csv('/etc/passwd')", 4, "disabled"),
    ],
)
def test_sql_errors_say_why(
    small_warehouse: Path, capsys: pytest.CaptureFixture[str], query: str, code: int, words: str
) -> None:
    assert main(["sql", query, "--format", "csv"]) == code
    assert words in capsys.readouterr().err


def test_sql_without_a_warehouse_says_how_to_make_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DLM_PROJECT", str(builds.PROJECT))
    monkeypatch.setenv("DLM_OUT", str(tmp_path))
    assert main(["sql", "select 1"]) == 4
    assert "dlm build" in capsys.readouterr().err


def test_tables_are_found_without_their_schema(
    small_warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with duckdb.connect(str(small_warehouse / "warehouse.duckdb")) as connection:
        connection.execute("create schema marts; create table marts.km_summary as select 7 as n")
    assert main(["sql", "from km_summary", "--format", "csv"]) == 0
    assert main(["sql", "show tables", "--format", "csv"]) == 0
    assert capsys.readouterr().out == "n\n7\nname\nkm_summary\nt\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sql", "select 1; select 2"], "2 statements are given; ask one at a time"),
        (["sql", "-- a comment"], "the query returns nothing"),
        (["trace", "npv"], "npv is named like: npv ct_mri"),
        (["trace", "jp07-004-L03"], "quality.record_sources where lesion_id = 'JP07-004-L03'"),
        (["trace", "EU01-0012"], "quality.record_sources where patient_id = 'EU01-0012'"),
        (["trace", "km", "RFS", "nobody"], "km RFS has no nobody; known here: all_resected"),
        (["trace", "flow", "lesions", "x"], "known here: registered, "),
        (["queries", "list", "--site", "xx01"], "there is no site XX01; known: ALL, EU01"),
        (["queries", "import", str(builds.PROJECT / "README.md")], "README.md: is no query list"),
        (["check", "--thresholds", "nofile.csv"], "there is no file nofile.csv"),
        (["synth", "--seed", "-1", "--out", "nowhere"], "--seed is a whole number from 0"),
        (["bench", "load", "--runs", "0"], "--runs is a whole number from 1"),
    ],
)
def test_wrong_words_are_told_with_what_would_be_right(
    in_published: None, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    assert main(words) in (2, 3)
    assert said in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), RuntimeError("Query interrupted")])
def test_a_command_that_is_stopped_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: BaseException
) -> None:
    def interrupted(*_: object) -> None:
        raise error

    monkeypatch.setattr("dlm.query.run_query", interrupted)
    monkeypatch.setenv("DLM_PROJECT", str(builds.PROJECT))
    assert main(["sql", "select 1"]) == 130
    assert "stopped; what was published before is untouched" in capsys.readouterr().err


def test_a_terminal_without_the_letters_shows_their_codes(
    in_published: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    for words, shown in (
        (["sql", "select 'é' as letter, 1 as n"], "letter  n\n\\xe9       1\n"),
        (["sql", "select '病' as a", "--format", "csv"], "a\n\\u75c5\n"),
    ):
        printed = io.BytesIO()
        monkeypatch.setattr("sys.stdout", io.TextIOWrapper(printed, encoding="ascii"))
        assert main(words) == 0
        sys.stdout.flush()
        assert printed.getvalue().decode() == shown


@pytest.mark.parametrize("damage", ["cut off", "overwritten", "another kind"])
def test_a_damaged_warehouse_is_named_with_what_to_do(
    small_warehouse: Path, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    path = small_warehouse / "warehouse.duckdb"
    content = path.read_bytes()
    path.write_bytes(
        {
            "cut off": content[: len(content) // 2],
            "overwritten": content[:12288] + bytes(len(content) - 12288),
            "another kind": b"a,b\n1,2\n" * 1000,
        }[damage]
    )
    manifest = {"stamp": _STAMP, "tables": {}, "basis": {"scope": "seeds"}}
    (small_warehouse / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    out, thresholds = str(small_warehouse), small_warehouse / "thresholds.csv"
    thresholds.write_text("rule_id,threshold_percent\n", encoding="utf-8")
    for words in (
        ["sql", "from t"],
        ["trace", "npv", "ct_mri"],
        ["diff", out, out],
        ["km", "from t", "--time", "b", "--event", "b"],
        ["queries", "list"],
        ["adjudicate", "list"],
        ["lock", "create", "x", "--reason", "to try it"],
        ["report", "--to", str(small_warehouse / "again")],
        ["check", "--thresholds", str(thresholds)],
    ):
        assert main(words) == 4, words
        said = capsys.readouterr().err
        assert f"error: {path} is damaged or no DuckDB database" in said, words
        assert "make it anew with: dlm build" in said, words


def test_another_file_that_cannot_be_written_is_no_fault_of_the_warehouse(
    small_warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = str(small_warehouse / "no_folder" / "x.parquet")
    assert main(["sql", "from t", "--format", "parquet", "--out", out]) == 4
    assert "the query failed" in capsys.readouterr().err
    warehouse = small_warehouse / "warehouse.duckdb"
    denied = 'IO Error: Cannot open file "{}": Permission denied'
    for path, is_named in ((small_warehouse / "x.parquet", False), (warehouse, True)):
        told = engine.unreadable(duckdb.IOException(denied.format(path)), warehouse)
        assert bool(told) == is_named


def test_other_damaged_files_of_a_build_are_named_too(
    small_warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (small_warehouse / "manifest.json").write_text('{"stamp": {', encoding="utf-8")
    for words in (["report", "--to", str(small_warehouse / "again")], ["queries", "list"]):
        assert main(words) == 4
        assert "manifest.json is damaged; make it anew with: dlm build" in capsys.readouterr().err
    (small_warehouse / "checked.duckdb").write_bytes(b"no database")
    assert main(["queries", "list"]) == 4
    said = capsys.readouterr().err
    assert "checked.duckdb is damaged" in said and "make it anew with: dlm check" in said


def test_a_warehouse_without_the_tables_of_this_version_says_so(
    small_warehouse: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["trace", "npv", "ct_mri"]) == 4
    assert "was made by an earlier version" in capsys.readouterr().err


def test_outside_a_project_the_error_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("DLM_PROJECT", raising=False)
    monkeypatch.chdir(tmp_path)
    assert main(["sql", "select 1"]) == 2
    assert "DLM_PROJECT" in capsys.readouterr().err


def test_every_command_has_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    text = capsys.readouterr().out
    assert "exit codes" in text
    for command in ("build", "load", "contract", "sql", "report", "synth", "bench"):
        with pytest.raises(SystemExit) as ended:
            main([command, "--help"])
        assert ended.value.code == 0
        assert "exit codes" in capsys.readouterr().out


@pytest.mark.parametrize("words", [("--help",), ("sql", "select 1"), ("queries", "list")])
def test_short_commands_import_nothing_slow(
    words: tuple[str, ...], published: dict[str, Any]
) -> None:
    done = builds.run(
        "dlm", *words,
        PYTHONPROFILEIMPORTTIME="1", DLM_PROJECT=str(builds.PROJECT), DLM_OUT=published["out"],
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines()}
    assert "dlm.cli" in imported
    assert not imported & {"dbt", "great_expectations", "matplotlib", "pandas", "lifelines"}


def test_a_manifest_lists_every_file_with_its_records(
    delivered: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shutil.copytree(delivered["delivery"], tmp_path / "delivery")
    words = ["manifest", str(folder), "--sender", "US data centre", "--date", "2021-03-01"]
    assert main(words) == 2
    assert "--replace" in capsys.readouterr().err
    dictionary = folder / "us" / "redcap_dictionary.csv"
    header, *fields = csv.reader(dictionary.read_text(encoding="utf-8-sig").splitlines())
    note = ["a_note", *fields[0][1:3], "descriptive", *[""] * (len(header) - 4)]
    with dictionary.open("a", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerow(note)

    def listed() -> dict[str, dict[str, str]]:
        text = (folder / "manifest.csv").read_text(encoding="utf-8")
        return {row["file"]: row for row in csv.DictReader(text.splitlines())}

    before = listed()
    assert main([*words, "--replace"]) == 0
    assert "us/redcap.csv" in capsys.readouterr().out
    after = listed()
    assert {(row["sender"], row["date"]) for row in after.values()} == {
        ("US data centre", "2021-03-01")
    }
    for row in (*before.values(), *after.values()):
        del row["sender"], row["date"]
    was, told = (each.pop("us/redcap_dictionary.csv") for each in (before, after))
    assert int(told["rows"]) == int(was["rows"]) + 1
    assert told["sha256"] != was["sha256"]
    assert after == before


def test_contract_check(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["contract", "check"]) == 0
    assert "us/redcap.csv" in capsys.readouterr().out


def test_contract_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "forms.html"
    assert main(["contract", "page", "--to", str(page)]) == 0
    assert "症例番号" in page.read_text(encoding="utf-8")
    capsys.readouterr()
    assert main(["contract", "page"]) == 2
    assert "dlm contract page --to forms.html" in capsys.readouterr().err


def test_there_are_a_dozen_analyses() -> None:
    assert len(ANALYSES) >= 12


@pytest.mark.parametrize("path", ANALYSES, ids=lambda path: path.stem)
def test_an_analysis_has_a_question_and_answers_it(
    path: Path, in_published: None, tmp_path: Path
) -> None:
    text = path.read_text(encoding="utf-8")
    assert re.match(r"-- [A-Z].*\?\n-- .*[?？か。]", text), (
        "begin with the question, in both tongues"
    )
    answer = tmp_path / "answer.csv"
    assert main(["sql", text, "--format", "csv", "--out", str(answer)]) == 0
    with answer.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle))
    assert len(rows) > 1 and len(rows[0]) > 1


def count_as_time_goes_by(
    monkeypatch: pytest.MonkeyPatch, total: int, counts: list[tuple[float, int, str]]
) -> None:
    """A step of so many things, told at each second how many are done and the name of the last."""
    now = 0.0
    monkeypatch.setattr("dlm.console.time.perf_counter", lambda: now)
    said = Console()
    said.step("Building")
    for second, done, name in counts:
        now = second
        said.count(done, total, name)
    said.end()


def test_a_long_step_says_once_a_minute_in_a_log_how_far_it_is(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    count_as_time_goes_by(monkeypatch, 4, [(40.0 * n, n, f"model {n}") for n in range(1, 5)])
    assert capsys.readouterr().err.splitlines() == [
        "  Building: 2/4, about 80 s left (model 2)",
        "  Building: 4/4, about 0 s left (model 4)",
        "Building: 160.0 s",
    ]
    Console(quiet=True).detail("nothing is said")
    assert capsys.readouterr().err == ""


def test_no_time_is_foretold_from_next_to_nothing_and_long_names_are_cut(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = "accepted_values_" * 10
    count_as_time_goes_by(monkeypatch, 100, [(60.0, 0, name), (120.0, 4, name), (180.0, 5, name)])
    cut = name[:59] + "…"
    assert capsys.readouterr().err.splitlines() == [
        f"  Building: 0/100 ({cut})",
        f"  Building: 4/100 ({cut})",
        f"  Building: 5/100, about 3420 s left ({cut})",
        "Building: 180.0 s",
    ]
