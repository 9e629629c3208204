"""Time: a later delivery takes the place of an earlier one, and what was can be had again.

What was is built again with little memory, which must change nothing either.
"""

from __future__ import annotations

import csv
import hashlib
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import builds
import duckdb
import pytest

from dlm.cli import main

PATHOLOGY, DISPOSITION = "jcog/pathology.csv", "jcog/disposition.csv"
VIABLE, NONVIABLE = "有", "無"
RESECTED, ABLATED = "切除", "焼灼"


def make_corrected(folder: Path, delivered: dict[str, Any]) -> dict[str, Any]:
    """Corrected files on top of the delivered seeds: built as of now and as of then."""
    second = folder / "second"
    state = {"DLM_STATE": delivered["DLM_STATE"]}
    little_memory = state | {"DLM_MEMORY_LIMIT": "3GB", "PYTHONPATH": builds.TEST_PATH}
    told = correct(Path(delivered["delivery"]), second, Path(delivered["out"]) / "warehouse.duckdb")
    steps = [
        builds.run("dlm", "load", str(second), "--received", "2021-09-01", **state),
        build("dlm", folder / "now", state, "--as-of", "latest"),
        build("frugal", folder / "again", little_memory, "--as-of", "2021-03-31"),
    ]
    return (
        told
        | state
        | {
            "folder": str(folder),
            "then": delivered["out"],
            "codes": [step.returncode for step in steps],
            "errors": "".join(step.stderr for step in steps if step.returncode),
            "load_said": steps[0].stdout,
        }
    )


def build(program: str, out: Path, environment: dict[str, str], *words: str) -> Any:
    return builds.run(program, "build", "--quiet", "--out", str(out), *words, **environment)


def correct(first: Path, second: Path, warehouse: Path) -> dict[str, Any]:
    """Pathology with a viable lesion made nonviable, a record gone and a specimen renumbered.

    The lesion whose specimen is gone was ablated, says the disposition that comes with it.
    """
    connection = duckdb.connect(str(warehouse), read_only=True)
    (line,) = connection.execute(
        "select min(r.delivery_line) from quality.endpoint_members as m "
        "join quality.record_sources as r using (lesion_id) "
        "where m.endpoint = 'npv' and m.subset = 'ct_mri' and m.state = 'viable' "
        "and m.detail like 'pathology%' and r.form = 'pathology' and r.source = 'jcog'"
    ).fetchall()[0]
    counted = connection.execute(
        "select lesion_id from quality.endpoint_members where endpoint = 'npv' and is_counted"
    ).fetchall()
    connection.close()
    records = (first / PATHOLOGY).read_text(encoding="cp932").splitlines()
    changed = records[line - 1].split(",")
    changed[5:7] = NONVIABLE, "0"
    free = [
        number
        for number, record in enumerate(records[1:], start=1)
        if (f"{record.split(',')[0]}-L{int(record.split(',')[2]):02d}",) not in counted
    ]
    gone, renumbered = free[-1], free[-2]
    moved = records[renumbered].split(",")
    moved[1] += "97"
    lesion = f"{changed[0]}-L{int(changed[2]):02d}"
    told = {
        "lesion": lesion,
        "line": line,
        "gone": "|".join(records[gone].split(",")[index] for index in (0, 2, 1)),
        "renumbered": "|".join(records[renumbered].split(",")[index] for index in (0, 2, 1)),
    }
    records[line - 1], records[renumbered] = ",".join(changed), ",".join(moved)
    specimen = records.pop(gone).split(",")[1]
    dispositions = (first / DISPOSITION).read_text(encoding="cp932")
    ((resected, of_patient),) = re.findall(
        rf"^(({specimen[:8]},{int(told['gone'].split('|')[1])},).*{specimen}.*)$",
        dispositions,
        re.MULTILINE,
    )
    ablated = resected.replace(specimen, "").replace(RESECTED, ABLATED)
    assert ablated.startswith(of_patient) and ABLATED in ablated
    deliver(
        second,
        "cp932",
        {
            PATHOLOGY: "\n".join(records) + "\n",
            DISPOSITION: dispositions.replace(resected, ablated),
        },
    )
    return told


def deliver(folder: Path, encoding: str, files: dict[str, str]) -> Path:
    manifest = "file,rows,sha256,date,sender\n"
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode(encoding))
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        rows = text.count("\n") - 1
        manifest += f"{name},{rows},{digest},2024-06-28,jcog (synthetic)\n"
    (folder / "manifest.csv").write_text(manifest, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def trial(tmp_path_factory: pytest.TempPathFactory, delivered: dict[str, Any]) -> dict[str, Any]:
    made = builds.once(
        tmp_path_factory, "corrected", lambda folder: make_corrected(folder, delivered)
    )
    assert made["codes"] == [0] * 3, made["errors"]
    return made


@pytest.fixture
def dlm(
    trial: dict[str, Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """What a command prints, run in this process on the store and one of its builds."""

    def call(*words: str, out: str = "now") -> str:
        monkeypatch.setenv("DLM_PROJECT", str(builds.PROJECT))
        monkeypatch.setenv("DLM_STATE", trial["DLM_STATE"])
        monkeypatch.setenv("DLM_OUT", f"{trial['folder']}/{out}")
        capsys.readouterr()
        code = main(list(words))
        said = capsys.readouterr()
        assert code == 0, said.err
        return said.out

    return call


def manifest(folder: str | Path) -> dict[str, Any]:
    path = Path(folder) / "manifest.json"
    content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return content


def test_as_of_makes_every_table_and_page_again_also_with_little_memory(
    trial: dict[str, Any],
) -> None:
    folder = Path(trial["folder"])
    then, again = manifest(trial["then"]), manifest(folder / "again")
    assert (then.pop("as_of"), again.pop("as_of")) == (None, "2021-03-31")
    assert [told["basis"].pop("known_until") for told in (then, again)] == [None, "2021-03-31"]
    # The documentation shows the SQL that ran.
    assert then["outputs"].pop("docs/index.html") != again["outputs"].pop("docs/index.html")
    assert then == again
    assert len(then["tables"]) > 30
    assert manifest(folder / "now")["tables"] != then["tables"]


def test_with_little_memory_the_largest_tables_are_made_in_slices_and_are_the_same(
    trial: dict[str, Any],
) -> None:
    again = Path(trial["folder"]) / "again"
    with duckdb.connect() as connection:
        for name, out in (("whole", trial["then"]), ("sliced", again)):
            connection.execute(f"attach '{out}/work.duckdb' as {name} (read_only)")
        ((slices, beginnings),) = connection.sql(
            "select count(*), count(distinct slice_from) "
            "from sliced.intermediate.int_patient_slices"
        ).fetchall()
        assert slices == beginnings > 2
        for table in (
            "core.fct_read",
            "checked.judged_read",
            "intermediate.int_endpoint_times",
            "intermediate.int_reader_pair",
        ):
            made = (again / ".dbt/target/run/dlm/models").rglob(f"{table.partition('.')[2]}.sql")
            assert "getvariable('slice_from')" in next(made).read_text(encoding="utf-8"), table
            whole, sliced = (
                connection.sql(f"from {name}.{table} order by all").fetchall()
                for name in ("whole", "sliced")
            )
            assert len(whole) > 500
            assert sliced == whole, table


def test_loading_says_what_the_delivery_lost(trial: dict[str, Any]) -> None:
    assert "1 key changed, 1 vanished" in trial["load_said"]
    assert f"{trial['gone']} (was {PATHOLOGY}, line" in trial["load_said"]
    assert re.search(rf"{re.escape(trial['renumbered'])} is .*97", trial["load_said"], re.I)


def test_what_was_lost_is_kept_for_stewards(dlm: Callable[..., str]) -> None:
    query = "select rule_id, kind, form, record_key from quality.delivery_changes order by all"
    rows = list(csv.reader(dlm("sql", query, "--format", "csv").splitlines()))[1:]
    assert [row[:3] for row in rows] == [
        ["GN14", "vanished", "pathology"],
        ["GN16", "key_changed", "pathology"],
    ]
    assert dlm("sql", query, "--format", "csv", out="again").count("\n") == 1


def test_what_was_lost_makes_no_record_of_a_site_faulty(dlm: Callable[..., str]) -> None:
    """The share of faulty records counts those that are delivered, GN14 those that are gone."""
    query = (
        "select sum(cast(round(violations_per_100_records * n_records / 100) as int)), "
        "(select count(distinct (form, record_key)) from quality.violations "
        "semi join quality.record_sources using (form, record_key) where severity <> 'S4'), "
        "(select count(distinct (form, record_key)) from quality.violations "
        "where form is not null and severity <> 'S4') from quality.site_scorecard"
    )
    rows = list(csv.reader(dlm("sql", query, "--format", "csv").splitlines()))
    shown, delivered, told = map(int, rows[1])
    assert shown == delivered < told


def test_the_calendar_is_told_from_the_last_receipt(dlm: Callable[..., str]) -> None:
    query = (
        "select distinct source, cast(as_of as varchar), status from quality.delivery_calendar "
        "where form in ('pathology', 'redcap') order by all"
    )
    rows = list(csv.reader(dlm("sql", query, "--format", "csv").splitlines()))[1:]
    assert rows == [
        ["eortc", "2021-09-01", "missing"],
        ["jcog", "2021-09-01", "late"],
        ["us", "2021-09-01", "missing"],
    ]
    rows = list(csv.reader(dlm("sql", query, "--format", "csv", out="again").splitlines()))[1:]
    assert [row[1:] for row in rows] == [["2021-03-01", "late"]] * 3


def test_diff_tells_records_by_column_for_days_and_deliveries(
    trial: dict[str, Any], dlm: Callable[..., str]
) -> None:
    said = dlm("diff", "2021-03-31", "2021-09-30", "--format", "json")
    rows = json.loads(said)["records"]
    changed, ablated = (row for row in rows if row["column"] in ("viable_cells", "action"))
    if changed["form"] != "pathology":
        changed, ablated = ablated, changed
    assert sorted((row["form"], row["change"]) for row in rows) == [
        ("disposition", "changed"),
        ("disposition", "changed"),
        ("pathology", "added"),
        ("pathology", "changed"),
        ("pathology", "changed"),
        ("pathology", "gone"),
        ("pathology", "gone"),
    ]
    assert (ablated["old"], ablated["new"]) == (RESECTED, ABLATED)
    assert changed["lesion_id"] == trial["lesion"]
    assert (changed["column"], changed["old"], changed["new"]) == (
        "viable_cells",
        VIABLE,
        NONVIABLE,
    )
    assert changed["new_line"] == trial["line"]
    ledger = (Path(trial["DLM_STATE"]) / "deliveries.jsonl").read_text(encoding="utf-8")
    first, second = (json.loads(line)["delivery_id"] for line in ledger.splitlines())
    assert dlm("diff", first, second[:8], "--format", "json") == said


def test_diff_of_builds_names_the_record_that_moved_the_number(
    trial: dict[str, Any], dlm: Callable[..., str]
) -> None:
    folder = Path(trial["folder"])
    said = dlm("diff", trial["then"], str(folder / "now")).splitlines()
    start = next(n for n, line in enumerate(said) if line.startswith("NPV CT + MRI "))
    assert re.fullmatch(r"NPV CT \+ MRI [\d.]+ % \(\d+/\d+\) to [\d.]+ % \(\d+/\d+\):", said[start])
    assert said[start + 1] == (
        f"  lesion {trial['lesion']} became nonviable (was viable): pathology changed, "
        f"{PATHOLOGY}, line {trial['line']}"
    )
    core = json.loads(dlm("diff", trial["then"], str(folder / "now"), "--format", "json"))
    (truth,) = (
        row
        for row in core["records"]
        if row.get("column") == "reference_verdict" and row["lesion_id"] == trial["lesion"]
    )
    assert (truth["old"], truth["new"]) == ("viable", "nonviable")


def test_trace_leads_to_file_and_line(trial: dict[str, Any], dlm: Callable[..., str]) -> None:
    rows = list(csv.DictReader(dlm("trace", "npv", "ct_mri", "--format", "csv").splitlines()))
    (row,) = (
        row for row in rows if row["unit_id"] == trial["lesion"] and row["form"] == "pathology"
    )
    assert (row["state"], row["file"], row["line"]) == ("nonviable", PATHOLOGY, str(trial["line"]))
    assert dlm("trace", "npv_ct_mri") == dlm("trace", "npv", "ct_mri")


@pytest.mark.parametrize(
    ("words", "number"),
    [
        (
            ["npv", "ct_mri"],
            "n_evaluable from marts.modality_concordance where population = "
            "'ct_mri' and stratum = 'overall'",
        ),
        (
            ["rfs_median_all_resected"],
            "n from marts.km_summary where paramcd = 'RFS' and "
            "group_value = 'all_resected' and conf_type = 'log'",
        ),
        (
            ["flow", "patients", "dlm"],
            "n from marts.patient_flow where unit = 'patients' and "
            "step = 'dlm' and row_type = 'remaining'",
        ),
    ],
)
def test_what_is_traced_adds_up_to_the_number(
    dlm: Callable[..., str], words: list[str], number: str
) -> None:
    rows = csv.DictReader(dlm("trace", *words, "--format", "csv").splitlines())
    units = {row["unit_id"] for row in rows if row["is_counted"] == "True"}
    assert str(len(units)) == dlm("sql", f"select {number}", "--format", "csv").split()[1]


def test_every_claim_that_is_traced_is_published() -> None:
    from dlm.trace import CLAIMS

    path = builds.PROJECT / "seeds" / "reference" / "ref_published_claims.csv"
    with path.open(encoding="utf-8") as handle:
        assert {row["claim_id"] for row in csv.DictReader(handle)} >= CLAIMS.keys()
