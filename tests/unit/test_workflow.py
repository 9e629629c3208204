"""The stewards' workflow: log, waivers, lists and replies, adjudications, gate and data cuts."""

from __future__ import annotations

import csv
import io
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import builds
import duckdb
import pytest
import python_calamine as calamine
import workflow_fixture as fixture

from dlm import store
from dlm.backup import back_up, restore
from dlm.cli import main
from dlm.errors import BlockedError, DeliveryRefused, DlmError, UsageError
from dlm.project import Places, import_path
from dlm.workflow import commands, gate, locks, log
from dlm.workflow.account import Account
from dlm.workflow.adjudication import Decision, adjudicate, awaited, withdraw
from dlm.workflow.findings import Filters, Found, last_found, read_queries
from dlm.workflow.lists import COLUMNS, export, import_replies
from dlm.workflow.standing import Known, standing
from dlm.workflow.verify import verify
from dlm.workflow.waivers import approve, read_waivers, revoke, told, waive

ANN, BEN = Account("ann", 1001), Account("ben", 1002)
TODAY, LATER = date(2021, 3, 1), date(2021, 12, 31)
STEWARDS = 4700
FIRST, SECOND = "Q-0000000001", "Q-0000000002"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return fixture.make(tmp_path)


@pytest.fixture
def queries(places: Places) -> list[dict[str, Any]]:
    return read_queries(places.warehouse, Filters())


@pytest.fixture
def at_command_line(places: Places, monkeypatch: pytest.MonkeyPatch) -> Places:
    monkeypatch.setenv("DLM_PROJECT", str(builds.PROJECT))
    monkeypatch.setenv("DLM_OUT", str(places.out))
    monkeypatch.setenv("DLM_STATE", str(places.state))
    return places


def propose(places: Places, queries: list[dict[str, Any]], *ids: str) -> None:
    waive(places.state, "store", queries, ids or (FIRST,), "known", LATER, TODAY, ANN)


def say(state: Path, *actions: str) -> None:
    with store.locked(state):
        log.append(state, [log.Event(each, "store", "", {}) for each in actions], ANN)


# ---------------------------------------------------------------- the log


def test_the_log_says_who_when_and_why_and_is_chained(tmp_path: Path) -> None:
    clock = lambda: datetime(2021, 3, 1, 9, 30, tzinfo=UTC)  # noqa: E731
    with store.locked(tmp_path):
        log.append(
            tmp_path, [log.Event("waive", "store", "so\u2028that", {"a": "日本"})], ANN, clock
        )
        log.append(tmp_path, [log.Event("approve", "store", "", {})], BEN, clock)
    first, second = log.read_log(tmp_path)
    assert (first["at"], first["account"], first["reason"]) == (
        "2021-03-01T09:30:00Z",
        {"name": "ann", "uid": 1001},
        "so\u2028that",
    )
    assert first["previous"] == log.START
    assert second["previous"] == first["hash"]
    assert [first["n"], second["n"]] == [1, 2]


def spoil(lines: list[str], how: str) -> list[str]:
    match how:
        case "edited":
            return [lines[0], lines[1].replace('"approve"', '"revoke"'), *lines[2:]]
        case "taken out":
            return [lines[0], *lines[2:]]
        case "swapped":
            return [lines[1], lines[0], *lines[2:]]
        case "put in":
            return [lines[0], lines[0], *lines[1:]]
        case "cut off":
            return lines[:-1]
        case _:
            return [lines[0], "nonsense", *lines[2:]]


@pytest.mark.parametrize(
    ("how", "where"),
    [
        ("edited", "line 2: entry 2 was changed"),
        ("taken out", "line 2: entry 3 does not follow"),
        ("swapped", "line 1: entry 2 does not follow"),
        ("put in", "line 2: entry 1 does not follow"),
        ("cut off", "line 3: entries 3 to 3 are missing at the end"),
        ("garbled", "line 2: is no entry"),
    ],
)
def test_tampering_is_told_with_its_place_and_stops_what_relies_on_the_log(
    tmp_path: Path, how: str, where: str
) -> None:
    say(tmp_path, "waive", "approve", "export")
    path = log.log_path(tmp_path)
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(spoil(lines, how)) + "\n", encoding="utf-8")
    _, faults = log.examine(tmp_path)
    assert str(faults[0]).startswith(where)
    with pytest.raises(DlmError, match="was altered"):
        log.read_log(tmp_path)
    with pytest.raises(DlmError, match="was altered"):
        say(tmp_path, "waive")


def test_a_log_and_head_written_anew_differ_from_what_a_build_saw(places: Places) -> None:
    say(places.state, "waive", "approve")
    seen = log.read_log(places.state)[-1]
    manifest = json.loads((places.out / "manifest.json").read_text(encoding="utf-8"))
    manifest["basis"] |= {"log_entries": 2, "log_head": seen["hash"]}
    (places.out / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    assert verify(places) == (2, [])
    for name in (log.LOG, log.HEAD):
        (places.state / log.FOLDER / name).unlink()
    say(places.state, "waive", "revoke", "export")
    count, faults = verify(places)
    assert count == 3
    assert ["the log was rewritten" in str(fault) for fault in faults] == [True]


def test_a_command_killed_at_any_write_leaves_the_log_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = store.write_whole
    for killed_at in range(1, 6):
        state = tmp_path / str(killed_at)
        calls = 0

        def write(path: Path, *rest: Any, at: int = killed_at) -> None:
            nonlocal calls
            calls += 1
            if calls == at:
                raise KeyboardInterrupt
            real(path, *rest)

        monkeypatch.setattr(store, "write_whole", write)
        try:
            say(state, "waive")
            say(state, "approve")
        except KeyboardInterrupt:
            pass
        monkeypatch.setattr(store, "write_whole", real)
        before, faults = log.examine(state)
        assert faults == [], killed_at
        say(state, "export")
        assert len(log.read_log(state)) == len(before) + 1


def test_the_store_and_what_people_did_survive_a_backup(places: Places) -> None:
    say(places.state, "waive", "approve")
    (places.state / store.LEDGER).write_text("", encoding="utf-8")
    back_up(places.state, places.out / "b.tar.gz")
    restore(places.out / "b.tar.gz", places.state.with_name("again"))
    assert log.read_log(places.state.with_name("again")) == log.read_log(places.state)


# ---------------------------------------------------------------- waivers


def test_a_waiver_is_in_force_once_another_account_approved_it(
    places: Places, queries: list[dict[str, Any]]
) -> None:
    propose(places, queries)
    (waiver,) = read_waivers(places.state, "store")
    assert waiver.approved is None
    assert "not approved" in told([waiver], queries[0], TODAY)
    with pytest.raises(UsageError, match="proposed by ann, and the account"):
        approve(places.state, "store", queries, [FIRST], "", TODAY, Account("ann2", 1001))
    approve(places.state, "store", queries, [FIRST], "", TODAY, BEN)
    (waiver,) = read_waivers(places.state, "store")
    assert waiver.approved is not None and waiver.approved["account"]["name"] == "ben"
    assert told([waiver], queries[0], TODAY) == "until 2021-12-31, approved by ben"
    assert told([waiver], queries[0], date(2022, 1, 1)) == "expired 2021-12-31"
    assert told([waiver], queries[0] | {"evidence_hash": "x"}, TODAY).startswith("lapsed")
    with pytest.raises(UsageError, match="no waiver of Q-0000000001 waits"):
        approve(places.state, "store", queries, [FIRST], "", TODAY, BEN)


def test_of_pending_waivers_the_one_about_what_is_found_now_is_approved(
    places: Places, queries: list[dict[str, Any]]
) -> None:
    propose(places, queries)
    changed = [query | {"evidence_hash": "x"} for query in queries]
    propose(places, changed)
    approve(places.state, "store", queries, [FIRST], "", TODAY, BEN)
    first, second = read_waivers(places.state, "store")
    assert first.approved and not second.approved
    assert told([first, second], queries[0], TODAY) == "until 2021-12-31, approved by ben"
    assert "not approved" in told([first, second], changed[0], TODAY)


def test_a_waiver_that_a_build_knew_and_did_not_count_is_told_as_lapsed(
    places: Places, queries: list[dict[str, Any]]
) -> None:
    propose(places, queries)
    approve(places.state, "store", queries, [FIRST], "", TODAY, BEN)
    waivers = read_waivers(places.state, "store")

    def said(state: str, **basis: Any) -> str:
        found = Found(places.warehouse, True, fixture.BASIS | basis)
        return told(waivers, queries[0] | {"state": state}, TODAY, found.knows)

    assert said("new", log_entries=1) == "until 2021-12-31, approved by ben"
    assert said("new", log_entries=2) == "lapsed: evidence changed"
    assert said("waived", log_entries=2) == "until 2021-12-31, approved by ben"
    assert said("new", log_entries=2, known_until="1999-12-31").startswith("until")


def test_what_cannot_be_waived_or_approved_is_refused_and_nothing_is_logged(
    places: Places, queries: list[dict[str, Any]]
) -> None:
    def refused(words: str, ids: list[str], reason: str = "known", day: date = LATER) -> None:
        with pytest.raises(UsageError, match=words):
            waive(places.state, "store", queries, ids, reason, day, TODAY, ANN)

    refused("is resolved", [FIRST, "Q-0000000003"])
    refused("no query Q-nothing", ["Q-nothing"])
    refused("more than one query", ["Q-00000"])
    refused("has passed", [FIRST], day=date(2021, 2, 28))
    refused("may not be empty", [FIRST], reason=" \n ")
    refused("longer", [FIRST], reason="x" * 1001)
    assert log.read_log(places.state) == []
    propose(places, queries)
    refused("waits for approval", [FIRST])
    changed = [query | {"evidence_hash": "x"} for query in queries]
    with pytest.raises(UsageError, match="has lapsed"):
        approve(places.state, "store", changed, [FIRST], "", TODAY, BEN)
    with pytest.raises(UsageError, match="expired on 2021-12-31"):
        approve(places.state, "store", queries, [FIRST], "", date(2022, 1, 1), BEN)
    propose(places, queries, SECOND)
    with pytest.raises(UsageError, match="more than one query is Q-00000"):
        revoke(places.state, "store", ["Q-00000"], "a mistake", BEN)
    revoke(places.state, "store", [FIRST, SECOND], "a mistake", BEN)
    assert read_waivers(places.state, "store") == []
    propose(places, queries)
    revoke(places.state, "store", ["Q-00000", FIRST], "a mistake", BEN)
    assert read_waivers(places.state, "store") == []
    with pytest.raises(UsageError, match="no waiver"):
        revoke(places.state, "store", [FIRST], "again", BEN)


def test_a_reason_that_names_a_person_is_refused_by_kind_and_not_logged(
    places: Places, queries: list[dict[str, Any]]
) -> None:
    told_in, number = "ask at 090-1234-5678", "1234"
    state = places.state

    def refused(call: Callable[[str], object]) -> None:
        before = log.read_log(state)
        with pytest.raises(UsageError, match="a phone number") as caught:
            call(told_in)
        assert number not in str(caught.value)
        assert log.read_log(state) == before

    waiting, what = awaited(places.warehouse), {"kind": "reference", "lesion_id": "EU01-001-L2"}
    refused(lambda why: waive(state, "store", queries, [FIRST], why, LATER, TODAY, ANN))
    refused(
        lambda why: adjudicate(state, "store", waiting, what, Decision("viable", None, why), ANN)
    )
    refused(lambda why: locks.create(places, "first", why, TODAY, ANN))
    propose(places, queries)
    refused(lambda why: approve(state, "store", queries, [FIRST], why, TODAY, BEN))
    refused(lambda why: revoke(state, "store", [FIRST], why, BEN))
    refused(lambda why: withdraw(state, "store", "A-1", why, ANN))
    refused(lambda why: locks.unlock(state, "first", why, ANN))
    refused(lambda why: locks.approve_unlock(state, "first", why, BEN))


def test_a_build_of_an_earlier_day_knows_only_what_was_done_by_then(
    places: Places, queries: list[dict[str, Any]]
) -> None:
    propose(places, queries)
    entries = log.read_log(places.state)
    day = date.fromisoformat(entries[0]["at"][:10])
    before = date.fromordinal(day.toordinal() - 1)
    assert len(standing(Known("store", day).of(entries)).waivers) == 1
    assert len(standing(Known("store", before).of(entries)).waivers) == 0
    assert len(standing(Known("seeds").of(entries)).waivers) == 0
    assert len(standing(Known("store", None, 0).of(entries)).waivers) == 0


# ---------------------------------------------------------------- lists and replies


def written(places: Places, queries: list[dict[str, Any]], form: str) -> dict[str, Path]:
    paths = export(places.warehouse, queries, places.out / "lists", form)
    return {path.stem.removeprefix("queries_"): path for path in paths}


def test_a_list_per_site_in_its_language_safe_in_a_spreadsheet(
    places: Places, queries: list[dict[str, Any]]
) -> None:
    files = written(places, queries, "csv")
    assert list(files) == ["ALL", "EU01", "JP07"]
    assert files["JP07"].read_bytes().startswith(b"\xef\xbb\xbf")
    japanese = list(csv.DictReader(io.StringIO(files["JP07"].read_text(encoding="utf-8-sig"))))
    assert japanese[0]["指摘内容"] == "PT03の指摘"
    assert japanese[0]["該当する値"] == "'=age 17"
    assert japanese[0]["様式"] == "登録"
    assert (japanese[0]["ファイル"], japanese[0]["行"]) == ("x/read.csv", "3")
    assert japanese[0]["回答（ここに記入）"] == ""
    english = list(csv.DictReader(io.StringIO(files["EU01"].read_text(encoding="utf-8-sig"))))
    assert english[0]["What to do"] == "Correct it."
    workbook = written(places, queries, "xlsx")["JP07"]
    rows = calamine.CalamineWorkbook.from_path(workbook).get_sheet_by_index(0).to_python()
    assert rows == list(csv.reader(io.StringIO(files["JP07"].read_text(encoding="utf-8-sig"))))
    again = workbook.read_bytes()
    assert written(places, queries, "xlsx")["JP07"].read_bytes() == again


def fill(
    path: Path, replies: dict[str, str], change: Any = None, encoding: str = "utf-8-sig"
) -> Path:
    rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    at = list(COLUMNS).index("reply")
    for row in rows[1:]:
        row[at] = replies.get(row[0], "")
    if change:
        change(rows)
    text = io.StringIO()
    csv.writer(text, delimiter=";" if encoding == "cp932" else ",").writerows(rows)
    filled = path.with_name(f"filled_{path.name}")
    filled.write_bytes(text.getvalue().encode(encoding))
    return filled


@pytest.mark.parametrize("encoding", ["utf-8-sig", "cp932"])
def test_replies_are_taken_once_however_excel_saved_them(
    places: Places, queries: list[dict[str, Any]], encoding: str
) -> None:
    path = fill(written(places, queries, "csv")["JP07"], {SECOND: "訂正済み"}, encoding=encoding)
    assert import_replies(places.state, "store", queries, path, ANN) == (1, 0)
    assert import_replies(places.state, "store", queries, path, ANN) == (0, 1)
    (reply,) = standing(Known("store").of(log.read_log(places.state))).replies
    assert (reply["query_id"], reply["reply"]) == (SECOND, "訂正済み")
    assert reply["evidence_hash"] == queries[2]["evidence_hash"] or reply["evidence_hash"] in {
        query["evidence_hash"] for query in queries
    }


def test_a_list_from_before_it_had_a_column_for_earlier_replies_is_taken(
    places: Places, queries: list[dict[str, Any]]
) -> None:
    at = list(COLUMNS).index("earlier_reply")
    path = fill(
        written(places, queries, "csv")["JP07"],
        {SECOND: "done"},
        lambda rows: [row.pop(at) for row in rows],
    )
    assert import_replies(places.state, "store", queries, path, ANN) == (1, 0)


def test_accents_of_a_list_saved_by_a_western_excel_are_kept(
    places: Places, queries: list[dict[str, Any]]
) -> None:
    told = "café vérifié – d’accord"
    path = fill(written(places, queries, "csv")["EU01"], {FIRST: told})
    path.write_bytes(path.read_text(encoding="utf-8-sig").encode("cp1252"))
    assert import_replies(places.state, "store", queries, path, ANN) == (1, 0)
    (reply,) = standing(Known("store").of(log.read_log(places.state))).replies
    assert reply["reply"] == told


def test_two_different_replies_to_one_query_are_refused(
    places: Places, queries: list[dict[str, Any]]
) -> None:
    def twice(rows: list[list[str]]) -> None:
        rows.append([*rows[1][:-1], "another"])
        rows[1][-1] = "one"

    path = fill(written(places, queries, "csv")["JP07"], {}, twice)
    with pytest.raises(DeliveryRefused, match="column reply: is not the reply given"):
        import_replies(places.state, "store", queries, path, ANN)


def set_cell(column: str, text: str) -> Any:
    def change(rows: list[list[str]]) -> None:
        rows[1][list(COLUMNS).index(column)] = text

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (set_cell("query_id", "Q-ffffffffff"), "line 2, column query_id: is no query"),
        (set_cell("site_id", "JP08"), r"line 2, column site_id: the query is of site JP07"),
        (
            set_cell("record_key", "JP07-999"),
            "line 2, column record_key: is not as it was exported",
        ),
        (set_cell("evidence", "age=18"), "line 2, column evidence: is not as it was exported"),
        (set_cell("evidence_code", "12"), "line 2, column evidence_code: is not as"),
        (set_cell("reply", "x" * 4001), "line 2, column reply: is longer"),
        (set_cell("reply", "call 090-1234-5678"), "line 2, column reply: seems to hold"),
        (lambda rows: rows[0].__setitem__(0, "Nr"), "line 1, column Nr: is no column"),
        (lambda rows: [row.pop() for row in rows], "line 1, column reply: is missing"),
        (lambda rows: rows[1].append("more"), "line 2: has 20 fields"),
    ],
)
def test_a_list_that_was_altered_is_refused_whole(
    places: Places, queries: list[dict[str, Any]], change: Any, words: str
) -> None:
    path = fill(written(places, queries, "csv")["JP07"], {SECOND: "done"}, change)
    with pytest.raises(DeliveryRefused, match=words):
        import_replies(places.state, "store", queries, path, ANN)
    assert log.read_log(places.state) == []


def test_rows_of_two_sites_are_refused_and_a_workbook_comes_back(
    places: Places, queries: list[dict[str, Any]]
) -> None:
    files = written(places, queries, "csv")
    other = files["EU01"].read_text(encoding="utf-8-sig").splitlines()[1]
    mixed = fill(files["JP07"], {}, lambda rows: rows.append(next(csv.reader([other]))))
    with pytest.raises(DeliveryRefused, match="holds one site's queries only"):
        import_replies(places.state, "store", queries, mixed, ANN)
    workbook = written(places, queries, "xlsx")["JP07"]
    assert import_replies(places.state, "store", queries, workbook, ANN) == (0, 0)


def test_a_reply_to_what_was_found_before_is_taken_as_that(
    places: Places, queries: list[dict[str, Any]]
) -> None:
    path = fill(written(places, queries, "csv")["JP07"], {SECOND: "done"})
    found_anew = {"column_name": "sex", "evidence": "age=16", "evidence_hash": "f" * 32}
    now = [query | found_anew for query in queries]
    assert import_replies(places.state, "store", now, path, ANN) == (1, 0)
    (reply,) = standing(Known("store").of(log.read_log(places.state))).replies
    assert reply["evidence_hash"] == reply["evidence_code"][2:]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_a_list_given_back_untouched_makes_no_reply_to_new_values(
    places: Places, queries: list[dict[str, Any]], form: str
) -> None:
    told_before = "- checked with the radiologist"
    first = fill(written(places, queries, "csv")["JP07"], {SECOND: told_before})
    assert import_replies(places.state, "store", queries, first, ANN) == (1, 0)

    def listed(is_current: bool) -> tuple[list[dict[str, Any]], Path]:
        answered = [
            query | {"reply": told_before, "is_reply_current": is_current}
            if query["query_id"] == SECOND
            else query
            for query in queries
        ]
        return answered, written(places, answered, form)["JP07"]

    answered, path = listed(True)
    assert import_replies(places.state, "store", answered, path, ANN) == (0, 1)
    answered, _ = listed(False)
    changed = [query | {"evidence": "age=16", "evidence_hash": "f" * 32} for query in answered]
    path = written(places, changed, form)["JP07"]
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
        assert (rows[0]["以前の値への回答"], rows[0]["回答（ここに記入）"]) == (
            f"'{told_before}",
            "",
        )
    assert import_replies(places.state, "store", changed, path, ANN) == (0, 0)
    # What was replied to other values since does not make the first reply a new one.
    later = fill(written(places, changed, "csv")["JP07"], {SECOND: "corrected"})
    assert import_replies(places.state, "store", changed, later, ANN) == (1, 0)
    assert import_replies(places.state, "store", queries, first, ANN) == (0, 1)


# ---------------------------------------------------------------- adjudication


def test_discordant_reads_and_references_are_settled_beside_them(places: Places) -> None:
    waiting = awaited(places.warehouse)
    assert [each["kind"] for each in waiting] == ["read", "reference"]
    read = {
        "kind": "read",
        "lesion_id": "EU01-001-L1",
        "modality": "CT",
        "timepoint": "preop",
    }
    gone = Decision("not_visible", None, "both exams reviewed")
    entry = adjudicate(places.state, "store", waiting, read, gone, ANN)
    details = entry["details"]
    assert details["adjudication_id"] == "A-1"
    assert (details["exam_date"], details["evidence"]) == (
        "2020-01-02",
        "R1=visible, R2=not_visible",
    )
    with pytest.raises(UsageError, match="was adjudicated by ann"):
        adjudicate(places.state, "store", waiting, read, gone, BEN)
    # Of other evidence it is decided anew; the earlier decision has lapsed.
    more = [each | {"evidence": each["evidence"] + ", R3=visible"} for each in waiting]
    adjudicate(places.state, "store", more, read, gone, BEN)
    with pytest.raises(UsageError, match="no discordant read"):
        adjudicate(places.state, "store", waiting, read | {"modality": "MRI"}, gone, ANN)
    with pytest.raises(UsageError, match="needs --because"):
        adjudicate(
            places.state, "store", waiting, read, Decision("not_evaluable", None, "blurred"), ANN
        )
    reference = {"kind": "reference", "lesion_id": "EU01-001-L2"}
    adjudicate(places.state, "store", waiting, reference, Decision("viable", None, "slides"), ANN)
    withdraw(places.state, "store", "A-1", "wrong exam", BEN)
    left = standing(Known("store").of(log.read_log(places.state))).adjudications
    assert list(left) == ["A-2", "A-3"]
    with pytest.raises(UsageError, match="no adjudication A-1"):
        withdraw(places.state, "store", "A-1", "again", BEN)


# ---------------------------------------------------------------- the gate


def test_the_gate_names_what_is_open_and_what_to_leave_out(places: Places) -> None:
    connection = duckdb.connect(str(places.warehouse))
    grave = gate.open_queries(connection, ("S1", "S2"))
    assert [query.query_id for query in grave] == ["Q-0000000004", SECOND, FIRST]
    said = gate.told(grave)
    assert "RD05 at EU01: 1" in said
    assert "x/read.csv, line 2" in said and "not looked at since" in said
    elsewhere = replace(places, out=places.out / "a build").asking("dlm queries list")
    assert elsewhere == f"DLM_OUT='{places.out}/a build' dlm queries list"
    last = gate.told(grave * 4, elsewhere).splitlines()[-1]
    assert last == f"  3 of them are not shown; see: {elsewhere}"
    connection.execute("update quality.queries set state = 'waived'")
    assert gate.open_queries(connection, ("S1", "S2")) == []


@pytest.mark.parametrize(
    ("patient", "form", "key", "taken", "is_stuck"),
    [
        ("EU01-001", "read", "EU01-001|1|CT", "lesion read registration", False),
        ("EU01-001", None, "EU01-001|OS", "lesion read registration", False),
        # The record is gone and the rule did not run since: the patient is still there, or is not.
        ("EU01-001", "followup", "EU01-001|9", "lesion read registration", False),
        ("JP07-099", "followup", "JP07-099|1", "", False),
        ("JP07-012", "outcome", "JP07-012", "outcome", False),
        (None, "followup", "|3", "followup", False),
        (None, "followup", "jcog/followup.csv", "", True),
        (None, None, "CT", "", True),
    ],
)
def test_an_open_s1_takes_every_record_of_its_patient_that_is_there(
    tmp_path: Path,
    patient: str | None,
    form: str | None,
    key: str,
    taken: str,
    is_stuck: bool,
) -> None:
    row = ("Q-0000000001", "FU04", "S1", "EU01", patient, None, form, key, None, "new", "e")
    places = fixture.make(tmp_path, [row])
    with duckdb.connect(str(places.warehouse)) as connection:
        blocking = gate.open_queries(connection, ("S1",))
        records, stuck = gate.exclusions(connection, blocking)
    assert [form for form, _, _ in records] == taken.split()
    assert {rule for _, _, rule in records} <= {"FU04"}
    assert stuck == (blocking if is_stuck else [])


# ---------------------------------------------------------------- data cuts


def closed(tmp_path: Path) -> Places:
    rows = [(*row[:-2], "resolved", row[-1]) for row in fixture.QUERIES]
    return fixture.make(tmp_path, rows)


def test_a_cut_is_refused_while_s1_or_s2_are_open(places: Places) -> None:
    with pytest.raises(BlockedError, match="3 S1 and S2 queries are open"):
        locks.create(places, "first", "interim", TODAY, ANN)
    assert log.read_log(places.state) == []


def test_a_cut_is_refused_when_a_waiver_it_was_built_with_does_not_stand(tmp_path: Path) -> None:
    places = closed(tmp_path)
    with duckdb.connect(str(places.warehouse)) as connection:
        connection.execute(
            "update quality.queries set state = 'waived', waiver_expires = ? where query_id = ?",
            [LATER, FIRST],
        )
    queries = read_queries(places.warehouse, Filters())

    def refused(told_why: str, today: date = TODAY) -> None:
        before = log.read_log(places.state)
        with pytest.raises(BlockedError, match=f"{FIRST} RD05 at EU01: {told_why}") as caught:
            locks.create(places, "first", "interim", today, ANN)
        assert "build again" in str(caught.value)
        assert log.read_log(places.state) == before

    refused("revoked")
    propose(places, queries)
    refused("until 2021-12-31, proposed by ann, not approved")
    approve(places.state, "store", queries, [FIRST], "", TODAY, BEN)
    refused("expired 2021-12-31", date(2022, 1, 1))
    revoke(places.state, "store", [FIRST], "a mistake", BEN)
    refused("revoked")
    # Another waiver than the one it was built with.
    waive(places.state, "store", queries, [FIRST], "known", date(2021, 6, 1), TODAY, ANN)
    approve(places.state, "store", queries, [FIRST], "", TODAY, BEN)
    refused("until 2021-06-01, approved by ben")
    propose(places, queries)
    approve(places.state, "store", queries, [FIRST], "", TODAY, BEN)
    locks.create(places, "first", "interim", LATER, ANN)


def test_a_cut_is_locked_verified_compared_and_unlocked_by_two(tmp_path: Path) -> None:
    places = closed(tmp_path)
    (places.state).mkdir()
    file = places.out / "f"
    file.write_text("x", encoding="utf-8")
    digest = store.hash_file(file)
    store.keep(places.state, file, digest)
    store.append(
        places.state,
        {"delivery_id": "d1", "received": "2021-01-01", "files": [{"name": "f", "sha256": digest}]},
    )
    locks.create(places, "first", "interim", TODAY, ANN)
    with pytest.raises(UsageError, match="already"):
        locks.create(places, "first", "interim", TODAY, ANN)
    with pytest.raises(UsageError, match="no name"):
        locks.create(places, "../x", "interim", TODAY, ANN)
    assert list(locks.verify(places.state, "first")) == []
    cut = locks.read_cut(places.state, "first")
    assert cut.deliveries == {"d1"}
    now = {"tables": {"core.t": {"rows": 2, "digest": "9"}, "core.v": {"rows": 0, "digest": "0"}}}
    assert [vars(each) for each in locks.compare(cut, now)] == [
        {"table": "core.t", "rows_locked": 1, "rows_now": 2, "verdict": "differs"},
        {"table": "core.u", "rows_locked": 1, "rows_now": None, "verdict": "missing"},
        {"table": "core.v", "rows_locked": None, "rows_now": 0, "verdict": "new"},
    ]
    with pytest.raises(UsageError, match="ask first"):
        locks.approve_unlock(places.state, "first", "", BEN)
    locks.unlock(places.state, "first", "a site corrects", ANN)
    with pytest.raises(UsageError, match="cannot approve it"):
        locks.approve_unlock(places.state, "first", "", ANN)
    locks.approve_unlock(places.state, "first", "", BEN)
    assert locks.read_locks(places.state)["first"].state == "unlocked"
    with pytest.raises(UsageError, match="is unlocked"):
        locks.unlock(places.state, "first", "again", ANN)
    store.object_path(places.state, digest).write_text("y", encoding="utf-8")
    assert "was altered" in next(locks.verify(places.state, "first"))
    locks.files_of(places.state, "first")["values"].write_bytes(b"")
    assert ["was altered" in str(fault) for fault in verify(places)[1]] == [True]


# ---------------------------------------------------------------- the command line


def run_as(uid: int, places: Places, *words: str) -> subprocess.CompletedProcess[str]:
    """Run a command as another account of the system, in the group of stewards."""
    # Imported before the account is changed: the interpreter's own folder may be closed to others.
    script = (
        "import os, pwd, sys, duckdb, dlm.deliveries, dlm.workflow.waivers; "
        f"from dlm.cli import main; os.setgroups([]); os.setgid({STEWARDS}); "
        "os.setuid(int(sys.argv[1])); sys.exit(main(sys.argv[2:]))"
    )
    return subprocess.run(
        [sys.executable, "-c", script, str(uid), *words],
        env=os.environ | {"PYTHONPATH": import_path()},
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.skipif(
    sys.platform == "win32" or os.getuid() != 0, reason="only root may act as other accounts"
)
def test_waiver_and_approval_from_the_command_line_take_two_accounts(
    at_command_line: Places, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # Down to the folder of all users' temporary files, however many pytest made on the way.
    temp = Path(tempfile.gettempdir()).resolve()
    for folder in (tmp_path, *tmp_path.parents):
        if folder in (temp, *temp.parents):
            break
        folder.chmod(0o755)
    at_command_line.state.mkdir()
    os.chown(at_command_line.state, 0, STEWARDS)
    at_command_line.state.chmod(0o2775)
    words = ("queries", "waive", FIRST, "--reason", "known", "--expires", "2999-12-31")
    monkeypatch.setenv("USER", "somebody-else")
    proposed = run_as(4711, at_command_line, *words)
    assert proposed.returncode == 0, proposed.stderr
    refused = run_as(4711, at_command_line, "queries", "approve", FIRST)
    assert refused.returncode == 2
    assert "proposed by uid 4711, and the account that proposed it cannot" in refused.stderr
    approved = run_as(4712, at_command_line, "queries", "approve", FIRST)
    assert approved.returncode == 0, approved.stderr
    accounts = [entry["account"]["uid"] for entry in log.read_log(at_command_line.state)]
    assert accounts == [4711, 4712]


def test_expiry_lapse_and_revocation_from_the_command_line(
    at_command_line: Places,
    queries: list[dict[str, Any]],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    places, words = at_command_line, ("--reason", "known", "--expires")

    def refused(told: str, *command: str) -> None:
        assert main(["queries", *command]) == 2
        assert told in capsys.readouterr().err

    def shown(query: str) -> str:
        assert main(["queries", "show", query]) == 0
        return capsys.readouterr().out

    monkeypatch.setattr(commands, "today", lambda: TODAY)
    refused("has passed", "waive", FIRST, *words, "2021-02-28")
    assert main(["queries", "waive", FIRST, *words, "2021-03-31"]) == 0
    approve(places.state, "store", queries, [FIRST], "", TODAY, Account("other", 999_999))
    assert "until 2021-03-31, approved by other" in shown(FIRST)
    monkeypatch.setattr(commands, "today", lambda: date(2021, 4, 1))
    assert "expired 2021-03-31" in shown(FIRST)

    propose(places, queries, SECOND)
    fixture.make(
        places.project,
        [(*row[:-1], "age 16") if row[0] == SECOND else row for row in fixture.QUERIES],
    )
    assert "lapsed: evidence changed" in shown(SECOND)
    refused("has lapsed", "approve", SECOND)
    refused("not_a_day", "waive", SECOND, *words, "not_a_day")
    assert main(["queries", "revoke", SECOND, "--reason", "corrected"]) == 0
    capsys.readouterr()
    refused("no waiver", "revoke", SECOND, "--reason", "again")
    assert main(["log", "verify"]) == 0
    assert "4 entries" in capsys.readouterr().out


def test_commands_list_show_export_verify(
    at_command_line: Places, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["queries", "list", "--site", "JP07,EU01", "--format", "json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["query_id"] for row in rows] == [FIRST, SECOND]
    assert main(["queries", "list", "--severity", "S2", "--state", "open", "--format", "csv"]) == 0
    assert "'=age 17" in capsys.readouterr().out
    assert main(["queries", "list", "--rule", "XX99"]) == 2
    assert "there is no rule XX99" in capsys.readouterr().err
    assert main(["queries", "show", FIRST]) == 0
    assert "Correct it." in capsys.readouterr().out
    assert main(["queries", "export", "--out", str(tmp_path / "lists"), "--format", "xlsx"]) == 0
    assert "3 list(s)" in capsys.readouterr().out
    assert main(["log", "verify"]) == 0
    assert "1 entries" in capsys.readouterr().out
    assert main(["log", "show", "--format", "csv"]) == 0
    assert "3 queries in 3 list(s)" in capsys.readouterr().out
    path = log.log_path(at_command_line.state)
    path.write_text(path.read_text(encoding="utf-8").replace("export", "import"), encoding="utf-8")
    assert main(["log", "verify"]) == 1
    assert "line 1: entry 1 was changed" in capsys.readouterr().err
    assert main(["queries"]) == 2


def test_what_a_check_found_goes_before_what_is_published(places: Places) -> None:
    connection = duckdb.connect(str(places.out / "checked.duckdb"))
    connection.execute("create table basis as select ? as content", [json.dumps(fixture.BASIS)])
    connection.close()
    assert not last_found(places).is_published
    (places.out / "checked.duckdb").unlink()
    assert last_found(places).is_published


def test_a_list_of_queries_needs_none_of_the_slow_libraries(at_command_line: Places) -> None:
    script = (
        "import sys; from dlm.cli import main; main(['queries', 'list']); "
        "print([m for m in ('dbt', 'great_expectations', 'pandas', 'matplotlib', 'numpy') "
        "if m in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | {"PYTHONPATH": import_path()},
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout.splitlines()[-1] == "[]"
