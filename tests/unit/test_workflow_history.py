"""History of quality: once per set of deliveries, recorded with the publication or not at all."""

from __future__ import annotations

import json
from datetime import date
from pathlib import Path
from typing import Any

import builds
import duckdb
import pytest
from test_store import broken

from dlm import store
from dlm.build import OUTPUTS, finish_interrupted_publish
from dlm.errors import DlmError
from dlm.project import Places
from dlm.workflow import inputs, locks, log, snapshots
from dlm.workflow.account import Account
from dlm.workflow.standing import Known, Standing, standing
from dlm.workflow.tables import COLUMNS
from dlm.workflow.verify import verify

ANN = Account("ann", 1001)
CODE = snapshots.code_version(builds.PROJECT)
WORK_TABLES = {
    name: ", ".join(
        f"{column} {kind}" for column, kind in COLUMNS[table].items() if column != "snapshot_id"
    )
    for name, table in snapshots.TABLES.items()
}


def work_database(path: Path, rule: str = "R1") -> Path:
    """A work database with one violation, as far as a snapshot needs it."""
    connection = duckdb.connect(str(path))
    connection.execute("create schema quality")
    for name, columns in WORK_TABLES.items():
        connection.execute(f"create table quality.{name} ({columns})")
    connection.execute(
        "insert into quality.violations (rule_id, site_id, record_key, evidence_hash) "
        f"values ('{rule}', 'EU01', 'k', 'h')"
    )
    connection.execute(
        "insert into quality.rule_results (rule_id, site_id, n_violated, status) "
        f"values ('{rule}', 'EU01', 1, 'fail')"
    )
    connection.close()
    return path


def about(name: str, *deliveries: str, received: str = "2021-01-01") -> dict[str, Any]:
    return {
        "snapshot_id": name,
        "catalogue": "c",
        "code": CODE,
        "deliveries": sorted(deliveries),
        "received": received,
    }


def recorded(tmp_path: Path, state: Path, *found: dict[str, Any]) -> None:
    for each in found:
        prepared = tmp_path / f"prepared_{each['snapshot_id']}"
        prepared.mkdir()
        work = work_database(tmp_path / f"{each['snapshot_id']}.duckdb")
        snapshots.prepare(work, prepared, state, each)
        snapshots.record(prepared)
        snapshots.record(prepared)


def names(found: list[dict[str, Any]]) -> list[str]:
    return [each["snapshot_id"] for each in found]


def test_a_build_has_behind_it_what_stood_on_fewer_of_its_deliveries() -> None:
    known = [
        about("a", "1"),
        about("a again", "1"),
        about("ab", "1", "2", received="2021-02-01"),
        about("ac", "1", "3", received="2021-02-01"),
        about("abc", "1", "2", "3", received="2021-02-01"),
    ]
    now = Standing(snapshots={each["snapshot_id"]: each for each in known})
    assert names(snapshots.earlier(now, ["1", "2", "3"])) == ["a again", "ab", "ac"]
    assert names(snapshots.earlier(now, ["1", "2"])) == ["a again"]
    assert names(snapshots.earlier(now, ["1"])) == []
    assert names(snapshots.earlier(now, [])) == []


def test_a_build_compares_its_numbers_with_what_earlier_code_made_of_the_same_deliveries() -> None:
    def told(code: str, *known: dict[str, Any]) -> str | None:
        now = Standing(snapshots={each["snapshot_id"]: each for each in known})
        found = snapshots.by_other_code(now, ["2", "1"], code)
        return found and found["snapshot_id"]

    other = about("other deliveries", "1")
    first, second, third = (
        about(name, "1", "2") | {"code": code}
        for name, code in (("a", "1"), ("b", "2"), ("c", "1"))
    )
    assert told("2", other, first) == "a"
    assert told("2", other, first, second, third) == "a"
    assert told("1", other, first, second, third) is None
    assert told("3", other, first, second) == "b"
    assert told("1", other) is None


def test_the_key_of_a_snapshot_is_its_deliveries_and_the_catalogue(tmp_path: Path) -> None:
    key = snapshots.snapshot_id(["b", "a"], "c")
    assert key == snapshots.snapshot_id(["a", "b"], "c")
    assert key != snapshots.snapshot_id(["a", "b"], "d")
    project = tmp_path / "seeds" / "reference"
    project.mkdir(parents=True)
    catalogue = builds.PROJECT / "seeds" / "reference" / "ref_quality_rules.csv"
    text = catalogue.read_text(encoding="utf-8")
    (project / catalogue.name).write_text(text.replace(",S1,", ",S2,", 1), encoding="utf-8")
    other = snapshots.catalogue_version(tmp_path)
    assert other != snapshots.catalogue_version(builds.PROJECT)


def test_building_again_adds_nothing_and_backdated_days_see_their_own_past(tmp_path: Path) -> None:
    state = tmp_path / "state"
    recorded(tmp_path, state, about("a", "1"), about("ab", "1", "2", received="2021-02-01"))
    assert [entry["action"] for entry in log.read_log(state)] == ["snapshot"] * 2
    connection = duckdb.connect()
    connection.execute("create schema raw")

    def filled(*received: tuple[str, str]) -> inputs.Basis:
        until = date(2021, 2, 1)
        known = Known("store", until)
        return inputs.fill(connection, builds.PROJECT, state, known, received, [], date(2030, 1, 1))

    basis = filled(("1", "2021-01-01"), ("2", "2021-02-01"))
    rows = connection.sql("select * exclude (snapshot_id) from raw.load_quality_snapshots")
    assert rows.fetchall() == [(1, "2021-01-01"), (2, "2021-02-01")]
    history = connection.sql("select snapshot_id, rule_id from raw.load_violation_history")
    assert history.fetchall() == [("a", "R1")]
    assert (basis.log_entries, basis.judged_on, basis.received) == (1, None, "2021-02-01")
    assert filled(("1", "2021-01-01")).log_entries == 0
    assert connection.sql("from raw.load_violation_history").fetchall() == []


def test_a_snapshot_that_was_altered_is_not_read(tmp_path: Path) -> None:
    state = tmp_path / "state"
    recorded(tmp_path, state, about("a", "1"))
    path = state / log.FOLDER / snapshots.FOLDER / "a" / "violations.parquet"
    path.write_bytes(path.read_bytes() + b"x")
    connection = duckdb.connect()
    connection.execute("create schema raw")
    with pytest.raises(DlmError, match=r"violations\.parquet is missing or was altered"):
        inputs.fill(
            connection,
            builds.PROJECT,
            state,
            Known("store"),
            [("1", "2021-01-01"), ("2", "2021-01-02")],
            [],
            date(2021, 1, 1),
        )
    assert "was altered" in str(verify(Places(tmp_path, tmp_path, state))[1][0])


def test_what_is_in_force_reaches_the_build(tmp_path: Path) -> None:
    state = tmp_path / "state"
    waived = {"query_id": "Q-1", "evidence_hash": "h", "expires": "2021-12-31"}
    events = [
        log.Event("waive", "store", "known", waived),
        log.Event("waive", "store", "typo", waived | {"query_id": "Q-2"}),
        log.Event("approve", "store", "", {"query_id": "Q-1", "waiver": 1}),
        log.Event("revoke", "store", "", {"query_id": "Q-2", "waiver": 2}),
        log.Event("import", "store", "", {"file": "f", "replies": [
            {"query_id": "Q-1", "evidence_hash": "h", "reply": "done"}]}),
        log.Event("adjudicate", "store", "slides", {
            "adjudication_id": "A-6", "kind": "reference", "lesion_id": "L", "verdict": "viable"}),
        log.Event("waive", "seeds", "other", waived),
    ]  # fmt: skip
    with store.locked(state):
        log.append(state, events, ANN)
    connection = duckdb.connect()
    connection.execute("create schema raw")
    basis = inputs.fill(
        connection, builds.PROJECT, state, Known("store"), [], ["x"], date(2021, 3, 1)
    )
    assert connection.sql(
        "select query_id, reason, author, expires, approved_by, judged_on from raw.load_waivers"
    ).fetchall() == [("Q-1", "known", "ann", "2021-12-31", "ann", "2021-03-01")]
    assert connection.sql(
        "select query_id, reply, imported_by, reply_no from raw.load_replies"
    ).fetchall() == [("Q-1", "done", "ann", 1)]
    assert connection.sql(
        "select adjudication_id, lesion_id, verdict, reason, adjudicator "
        "from raw.load_adjudications"
    ).fetchall() == [("A-6", "L", "viable", "slides", "ann")]
    assert (basis.judged_on, basis.log_entries) == ("2021-03-01", 6)


def test_a_waiver_is_known_by_the_last_snapshot_recorded_when_it_was_approved(
    tmp_path: Path,
) -> None:
    state = tmp_path / "state"

    def say(action: str, **details: Any) -> None:
        with store.locked(state):
            log.append(state, [log.Event(action, "store", "", details)], ANN)

    def waive(query: str, number: int) -> None:
        say("waive", query_id=query, evidence_hash="h", expires="2021-12-31")
        say("approve", query_id=query, waiver=number)

    waive("before all", 1)
    recorded(tmp_path, state, about("a", "1"))
    waive("after a", 4)
    say("waive", query_id="pending", evidence_hash="h", expires="2021-12-31")
    recorded(tmp_path, state, about("ab", "1", "2", received="2021-02-01"))
    waive("after ab", 8)
    # By a newer catalogue the deliveries are no others; an archive loaded late stands before them.
    recorded(tmp_path, state, about("a again", "1"))
    recorded(tmp_path, state, about("c", "3", received="2020-01-01"))
    connection = duckdb.connect()
    connection.execute("create schema raw")

    def numbers(*received: str) -> dict[str, int | None]:
        days = [(name, "2021-03-01") for name in received]
        until = date(2021, 3, 1)
        inputs.fill(connection, builds.PROJECT, state, Known("store"), days, [], until)
        rows = connection.sql("select query_id, approved_snapshot_no from raw.load_waivers")
        return dict(rows.fetchall())

    assert numbers("1", "2") == {"before all": 0, "after a": 1, "pending": None, "after ab": 2}
    assert numbers("1", "2", "3") == {
        "before all": 0, "after a": 2, "pending": None, "after ab": 3,
    }  # fmt: skip


@pytest.mark.parametrize("how", ["kill", "full"])
def test_history_and_publication_are_both_finished_by_the_next_build(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    start, work = tmp_path / "start", tmp_path / "runs"
    for folder, text in (("", "old"), (".next", "new")):
        for name in OUTPUTS:
            path = start / folder / name
            path = path if "." in name else path / "file"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    database = work_database(tmp_path / "work.duckdb")
    snapshots.prepare(database, start / ".next", tmp_path, about("a", "1"), [("read", "k")])
    (start / ".next" / ".complete").touch()
    # Each run has a store of its own, told from the folder whose writes are broken.
    told = start / ".next" / snapshots.FOLDER / snapshots.ABOUT
    content = json.loads(told.read_text(encoding="utf-8"))
    content["state"] = "state"
    told.write_text(json.dumps(content), encoding="utf-8")
    runs = broken(how, start, work, "publish")
    assert len(runs) > 25
    for run in runs:
        out = Path(run["folder"])
        monkeypatch.chdir(out)
        assert log.examine(Path("state"))[1] == []
        finish_interrupted_publish(out)
        assert (out / "warehouse.duckdb").read_text(encoding="utf-8") == "new"
        actions = [entry["action"] for entry in log.read_log(Path("state"))]
        assert actions == ["snapshot", "publish without open S1"]


def test_a_locked_cut_is_read_until_it_is_unlocked(tmp_path: Path) -> None:
    state = tmp_path / "state"
    kept = locks.files_of(state, "first")
    connection = duckdb.connect()
    connection.execute("create schema raw")
    kept["values"].parent.mkdir(parents=True)
    values = ", ".join(f"'v' as {column}" for column in COLUMNS["load_locked_values"])
    connection.execute(f"copy (select {values}) to '{kept['values']}' (format parquet)")
    kept["cut"].write_text("{}", encoding="utf-8")
    files = {what: store.hash_file(path) for what, path in kept.items()}

    def filled() -> int:
        known = Known("store")
        inputs.fill(connection, builds.PROJECT, state, known, [], ["x"], date(2021, 1, 1))
        return len(connection.sql("from raw.load_locked_values").fetchall())

    def say(action: str, details: dict[str, Any]) -> None:
        with store.locked(state):
            log.append(state, [log.Event(action, "store", "", {"name": "first"} | details)], ANN)

    say("lock", {"files": files})
    assert filled() == 1
    say("unlock", {})
    assert filled() == 1
    say("approve unlock", {})
    assert filled() == 0
    now = standing(Known("store").of(log.read_log(state)))
    assert now.locks["first"].state == "unlocked"
