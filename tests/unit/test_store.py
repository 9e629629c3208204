"""The store: whole whatever stops a command, one writer at a time, backed up and restored."""

from __future__ import annotations

import csv
import errno
import functools
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import builds
import duckdb
import pytest

from dlm import store
from dlm.backup import back_up, restore
from dlm.build import OUTPUTS, finish_interrupted_publish
from dlm.cli import main
from dlm.compare import record_changes, two_states
from dlm.contracts import load_contracts
from dlm.deliveries import Incoming, load_raw, receive, stored_files
from dlm.diff import _CORE_KEYS, _core_changes
from dlm.errors import DlmError, UsageError
from dlm.project import import_path

BROKEN_RUNS = Path(__file__).with_name("broken_runs.py")
FIRST, SECOND, THIRD = date(2021, 1, 1), date(2021, 2, 1), date(2021, 3, 1)
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="forks and signals differ")


def test_a_delivery_whose_drive_goes_away_is_told_apart_from_a_full_store(tmp_path: Path) -> None:
    state, sent = tmp_path / "state", tmp_path / "stick" / "read.csv"
    lost = r"cannot read or write \S*read\.csv: .*network drive"
    with pytest.raises(DlmError, match=lost), store.locked(state):
        store.keep(state, sent, "0" * 64)
    full = r"cannot write to \S*state: No space left"
    with pytest.raises(DlmError, match=full), store.locked(state):
        raise OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(autouse=True)
def _no_fsync(monkeypatch: pytest.MonkeyPatch) -> None:
    """Do not wait for the disk: these tests end processes, not power."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


def deliver(folder: Path, rows: list[str], forms: tuple[str, ...] = ()) -> Path:
    """The European centre's forms, all eight unless named, all but outcome without records."""
    lines = ["file,rows,sha256,date,sender"]
    for spec in load_contracts()["eortc"].file_specs():
        if forms and spec.stem not in forms:
            continue
        name = f"eortc/{spec.stem}.csv"
        records = rows if spec.stem == "outcome" else []
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join([";".join(spec.headers), *records]) + "\n", encoding="utf-8")
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        lines.append(f"{name},{len(records)},{digest},2021-01-01,centre")
    (folder / "manifest.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A store that holds one delivery."""
    folder = deliver(tmp_path / "first", ["EU01-001;;1;;", "EU01-002;;1;;"])
    receive(folder, tmp_path / "old", FIRST)
    return tmp_path / "old"


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """A later delivery of two forms, one of them unchanged."""
    rows = ["EU01-001;;2;;", "EU01-003;;1;;=1+1"]
    return deliver(tmp_path / "second", rows, ("outcome", "surgery"))


def broken(how: str, start: Path, work: Path, *words: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, str(BROKEN_RUNS), how, str(start), str(work), *words],
        cwd=builds.PROJECT,
        env=os.environ | {"PYTHONPATH": import_path()},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    results: list[dict[str, Any]] = json.loads(done.stdout)
    return results


def assert_whole(state: Path) -> int:
    """Every delivery of the ledger can be read to the byte; how many there are."""
    ledger = store.read_ledger(state)
    for entry in ledger:
        for file in entry["files"]:
            assert store.hash_file(store.object_path(state, file["sha256"])) == file["sha256"]
    if ledger:
        stored_files(state, None)
    return len(ledger)


def contents(state: Path) -> dict[str, bytes]:
    return {
        path.relative_to(state).as_posix(): path.read_bytes()
        for path in sorted(state.rglob("*"))
        if path.is_file() and path.name != store.LOCK
    }


@pytest.mark.parametrize("how", ["kill", "random", "full"])
def test_a_load_that_is_stopped_leaves_the_store_whole_and_the_next_succeeds(
    old: Path, second: Path, tmp_path: Path, how: str
) -> None:
    words = ("load", str(second), "--received", str(SECOND))
    runs = broken(how, old, tmp_path / "runs", *words)
    assert len(runs) > (50 if how == "random" else 10)
    tried = set()
    for run in runs:
        state = Path(run["folder"])
        assert assert_whole(state) == 2 if run["code"] == 0 else assert_whole(state) in (1, 2)
        left = re.sub(r"\.\d+\.partial", ".partial", repr(contents(state)))
        if left in tried:
            continue  # the next load found exactly this before
        tried.add(left)
        receive(second, state, SECOND)
        assert assert_whole(state) == 2
        assert contents(state) == contents(Path(runs[0 if how == "random" else -1]["folder"]))
    if how == "full":
        failed = [run["said"] for run in runs if run["code"] == 4]
        assert len(failed) >= 10
        assert all("No space left on device; nothing was changed" in said for said in failed)


def test_a_read_only_store_is_told_and_left_as_it_was(
    old: Path, second: Path, tmp_path: Path
) -> None:
    (run,) = broken("readonly", old, tmp_path / "runs", "load", str(second))
    assert run["code"] == 4
    assert "Read-only file system; nothing was changed" in run["said"]
    assert contents(Path(run["folder"])) == contents(old)


def test_loads_at_once_wait_for_each_other(old: Path, tmp_path: Path) -> None:
    folders = [deliver(tmp_path / str(n), [f"EU01-00{n};;1;;"]) for n in (1, 2, 3, 3)]
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "dlm", "load", str(folder), "--received", str(SECOND)],
            cwd=builds.PROJECT,
            env=os.environ | {"PYTHONPATH": import_path(), "DLM_STATE": str(old)},
            stdout=subprocess.DEVNULL,
        )
        for folder in folders
    ]
    assert [process.wait() for process in running] == [0] * 4
    assert assert_whole(old) == 4


@pytest.mark.parametrize("how", ["kill", "full"])
def test_a_publication_that_is_stopped_is_finished_by_the_next_build(
    tmp_path: Path, how: str
) -> None:
    start = tmp_path / "start"
    for folder, text in (("", "old"), (".next", "new")):
        for name in OUTPUTS:
            path = start / folder / name
            path = path if "." in name else path / "file"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    (start / ".next" / ".complete").touch()
    runs = broken(how, start, tmp_path / "runs", "publish")
    assert len(runs) > 10
    for run in runs:
        out = Path(run["folder"])
        assert (out / "warehouse.duckdb").read_text(encoding="utf-8") in ("old", "new")
        finish_interrupted_publish(out)
        for name in OUTPUTS:
            path = out / name if "." in name else out / name / "file"
            assert path.read_text(encoding="utf-8") == "new"


# ---------------------------------------------------------------- backup


def test_a_backup_is_restored_to_the_byte(old: Path, second: Path, tmp_path: Path) -> None:
    receive(second, old, SECOND)
    (old / "waivers.csv").write_text("rule\n", encoding="utf-8")
    back_up(old, tmp_path / "backup.tar.gz")
    assert restore(tmp_path / "backup.tar.gz", tmp_path / "new") == 2
    assert contents(tmp_path / "new") == contents(old)
    back_up(tmp_path / "new", tmp_path / "again.tar.gz")
    assert (tmp_path / "again.tar.gz").read_bytes() == (tmp_path / "backup.tar.gz").read_bytes()


def test_a_store_can_be_backed_up_while_it_is_loaded_into(old: Path, tmp_path: Path) -> None:
    loading = [
        "from datetime import date; from pathlib import Path; from dlm.deliveries import receive",
        *(
            f"receive(Path({str(deliver(tmp_path / f'd{n}', [f'EU01-1{n};;;;']))!r}), "
            f"Path({str(old)!r}), date(2021, 3, {n}))"
            for n in range(1, 9)
        ),
    ]
    process = subprocess.Popen(
        [sys.executable, "-c", "\n".join(loading)],
        env=os.environ | {"PYTHONPATH": import_path()},
    )
    taken = 0
    while process.poll() is None:
        back_up(old, tmp_path / f"{taken}.tar.gz")
        taken += 1
    assert process.returncode == 0
    assert taken > 3
    held = []
    for n in range(taken):
        restore(tmp_path / f"{n}.tar.gz", tmp_path / f"restored{n}")
        held.append(assert_whole(tmp_path / f"restored{n}"))
    assert held == sorted(held)


def test_a_restore_never_writes_over_a_store(old: Path, tmp_path: Path) -> None:
    back_up(old, tmp_path / "backup.tar.gz")
    with pytest.raises(UsageError, match="is not empty"):
        restore(tmp_path / "backup.tar.gz", old)
    with pytest.raises(UsageError, match="exists"):
        back_up(old, tmp_path / "backup.tar.gz")


@pytest.mark.parametrize("place", [0.1, 0.3, 0.6, 0.9])
def test_a_damaged_backup_is_refused_whole(old: Path, tmp_path: Path, place: float) -> None:
    path = tmp_path / "backup.tar.gz"
    back_up(old, path)
    data = bytearray(path.read_bytes())
    data[int(len(data) * place)] ^= 0x55
    path.write_bytes(data)
    with pytest.raises(DlmError, match="nothing was restored"):
        restore(path, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_backup_with_another_file_in_it_is_refused(old: Path, tmp_path: Path) -> None:
    path = tmp_path / "backup.tar.gz"
    back_up(old, path)
    with tarfile.open(path) as archive:
        archive.extractall(tmp_path / "open", filter="data")
    (tmp_path / "evil").write_text("x", encoding="utf-8")
    with tarfile.open(path, "w:gz") as archive:
        archive.add(tmp_path / "open" / "backup.json", "backup.json")
        archive.add(tmp_path / "evil", "state/../../evil")
    with pytest.raises(DlmError, match="not in its list"):
        restore(path, tmp_path / "new")


def test_a_damaged_store_is_not_backed_up(old: Path, tmp_path: Path) -> None:
    (entry,) = store.read_ledger(old)
    damaged = store.object_path(old, entry["files"][0]["sha256"])
    damaged.write_bytes(b"x")
    with pytest.raises(DlmError, match="missing or damaged"):
        back_up(old, tmp_path / "backup.tar.gz")


def test_a_restore_that_is_killed_leaves_no_half_store(old: Path, tmp_path: Path) -> None:
    path = tmp_path / "backup.tar.gz"
    back_up(old, path)
    runs = broken("kill", tmp_path / "none", tmp_path / "runs", "restore", str(path))
    for run in runs:
        state = Path(run["folder"])
        if not contents(state):
            restore(path, state)
        assert assert_whole(state) == 1


# ---------------------------------------------------------------- notation, sites, formulas

HEADS = {
    "eortc": "PATID;DTLAST;STATUS;DTDEATH;CAUSE",
    "jcog": "症例番号,最終確認日,生死,死亡日,死因",
}
SAME_DAY = {
    "eortc": (
        ("03/05/2019", "3.5.2019"),
        ("03/05/2019", "03-05-2019"),
        ("--/05/2019", "UN/05/2019"),
        ("--/05/2019", "05.2019"),
        ("--/--/2019", "2019"),
        ("unk/unk/2019", "??/??/2019"),
        ("32/05/2019", "32.5.2019"),
    ),
    "jcog": (
        ("令和元年5月3日", "2019/05/03"),
        ("R1.5.3", "２０１９/5/3"),
        ("㋿1/5/3", "2019-05-03"),
        ("昭和64年1月7日", "1989/1/7"),
        ("平成31年4月30日", "H31.4.30"),
        ("大正15年12月24日", "T15.12.24"),
        ("㍾45/7/29", "1912/07/29"),
        ("2019/02/30", "2019/2/30"),
        ("2019/--/--", "2019/--/-- "),
        ("2019/05/--", "2019/05"),
        ("2019年5月", "R1.5"),
        ("2019年", "2019"),
    ),
}
OTHER_DAY = {
    "eortc": (
        ("03/05/2019", "05/03/2019"),
        ("03/05/2019", "2019/05/03"),  # unreadable in this order
        ("--/05/2019", "01/05/2019"),
        ("43588", "03/05/2019"),  # no source declares days as Excel counts them
    ),
    "jcog": (
        ("平成31年5月1日", "2019/05/01"),  # no day of that era
        ("2019/05/03", "2019/05/04"),
        ("2019/05", "2019"),
        ("", "2019/05/03"),
        ("ND", ""),
    ),
}


@pytest.mark.parametrize("source", HEADS)
def test_a_date_in_another_notation_is_no_change(tmp_path: Path, source: str) -> None:
    contracts = [load_contracts()[source]]
    spec = next(spec for spec in contracts[0].file_specs() if spec.stem == "outcome")
    pairs = SAME_DAY[source] + OTHER_DAY[source]
    fills = []
    for side in (0, 1):
        path = tmp_path / f"{side}.csv"
        mark = contracts[0].delimiter
        rows = [f"JP01-{n:03}{mark}{pair[side]}{mark * 3}" for n, pair in enumerate(pairs)]
        path.write_text("\n".join([HEADS[source], *rows]) + "\n", encoding="utf-8")
        item = Incoming(path, f"{source}/outcome.csv", spec, contracts[0], None, "d", None)
        fills.append(functools.partial(load_raw, items=[item], origins=[]))
    with two_states(contracts, *fills) as both:
        changes = [(each.column, each.old, each.new) for each in record_changes(both, contracts)]
    assert changes == [("last_contact_date", old, new) for old, new in OTHER_DAY[source]]


@pytest.fixture
def diff(
    old: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., str]:
    """What ``dlm diff`` prints of the store."""

    def call(before: date, after: date, form: str) -> str:
        monkeypatch.setenv("DLM_STATE", str(old))
        monkeypatch.setenv("DLM_PROJECT", str(builds.PROJECT))
        assert main(["diff", str(before), str(after), "--format", form]) == 0
        return capsys.readouterr().out

    return call


def test_what_a_key_and_a_number_say_is_compared_not_how(
    old: Path, tmp_path: Path, diff: Callable[..., str]
) -> None:
    def reads(folder: Path, row: str, reader: str = "EU01-R1") -> Path:
        spec = next(s for s in load_contracts()["eortc"].file_specs() if s.stem == "read")
        text = ";".join(spec.headers) + f"\nEU01-001;01;1;1;{row};{reader};1;1;1;;1;5\n"
        path = folder / "eortc" / "read.csv"
        path.parent.mkdir(parents=True)
        path.write_text(text, encoding="utf-8")
        digest = hashlib.sha256(text.encode()).hexdigest()
        (folder / "manifest.csv").write_text(
            f"file,rows,sha256,date,sender\neortc/read.csv,1,{digest},2021-01-01,c\n",
            encoding="utf-8",
        )
        return folder

    receive(reads(tmp_path / "a", "01/03/2019;1;;12,50;1"), old, SECOND)
    delivery_id = receive(reads(tmp_path / "b", "1/3/2019;1;;12,5;2"), old, THIRD).delivery_id
    assert store.changes_of(old, delivery_id) == []
    (row,) = json.loads(diff(SECOND, THIRD, "json"))["records"]
    assert (row["column"], row["old"], row["new"]) == ("size_status", "1", "2")
    assert row["record_key"] == "EU01-001|1|1|1|2019-03-01|EU01-R1"
    nobody = date(2021, 4, 1), date(2021, 5, 1)
    for day, reader in zip(nobody, ("", "UNK"), strict=True):
        delivery = receive(reads(tmp_path / f"{day}", "01/03/2019;1;;12,5;1", reader), old, day)
    assert store.changes_of(old, delivery.delivery_id) == []
    for day, text in ((date(2021, 6, 1), "--/03/2019"), (date(2021, 7, 1), "03.2019")):
        delivery = receive(reads(tmp_path / f"{day}", f"{text};1;;12,5;1"), old, day)
    assert store.changes_of(old, delivery.delivery_id) == []


def test_a_sites_own_file_takes_the_place_of_its_records_only(old: Path, tmp_path: Path) -> None:
    folder = tmp_path / "site"
    text = "PATID;DTLAST;STATUS;DTDEATH;CAUSE\nEU01-002;;2;;\n"
    path = folder / "eortc" / "EU01" / "outcome.csv"
    path.parent.mkdir(parents=True)
    path.write_text(text, encoding="utf-8")
    digest = hashlib.sha256(text.encode()).hexdigest()
    (folder / "manifest.csv").write_text(
        f"file,rows,sha256,date,sender\neortc/EU01/outcome.csv,1,{digest},2021-01-01,site\n",
        encoding="utf-8",
    )
    receive(
        deliver(tmp_path / "both", ["EU01-001;;1;;", "EU01ー003;;1;;", "EU02-001;;1;;"]),
        old,
        FIRST,
    )
    delivery_id = receive(folder, old, SECOND).delivery_id
    connection = duckdb.connect()
    load_raw(connection, *stored_files(old, None))
    assert connection.execute(
        "select PATID, STATUS from raw.eortc__outcome order by all"
    ).fetchall() == [("EU01-002", "2"), ("EU02-001", "1")]
    assert connection.execute(
        "select site_id, records_in, loaded from raw.load_files where form = 'outcome' order by all"
    ).fetchall() == [("EU01", 1, 1), (None, 1, 1)]
    changes = store.changes_of(old, delivery_id)
    assert [(change["kind"], change["record_key"]) for change in changes] == [
        ("vanished", "EU01-001"),
        ("vanished", "EU01-003"),
    ], changes


def test_a_sender_of_two_lines_leaves_the_ledger_readable(tmp_path: Path) -> None:
    folder = deliver(tmp_path / "one", ["EU01-001;;1;;"])
    manifest = folder / "manifest.csv"
    manifest.write_text(manifest.read_text().replace(",centre", ",HQ\u2028Brussels"), "utf-8")
    delivery_id = receive(folder, tmp_path / "state", FIRST).delivery_id
    (entry,) = store.read_ledger(tmp_path / "state")
    assert entry["delivery_id"] == delivery_id
    assert "HQ\u2028Brussels" in (tmp_path / "state" / store.LEDGER).read_text("utf-8")


def test_a_text_like_a_formula_is_kept_and_neutralised_in_exports(
    old: Path, second: Path, diff: Callable[..., str]
) -> None:
    receive(second, old, SECOND)
    rows = list(csv.DictReader(diff(FIRST, SECOND, "csv").splitlines()))
    assert {row["change"] for row in rows} == {"added", "changed", "gone"}
    again = deliver(second.with_name("third"), ["EU01-003;;1;;9"])
    receive(again, old, THIRD)
    rows = list(csv.DictReader(diff(SECOND, THIRD, "csv").splitlines()))
    (row,) = (row for row in rows if row["column"])
    assert (row["column"], row["old"], row["new"]) == ("death_cause", "'=1+1", "9")
    assert '"=1+1"' in diff(SECOND, THIRD, "json")


def test_rows_of_core_are_told_apart_by_their_keys_where_nothing_else_names_them() -> None:
    """Two reads by nobody on no day, one of them of no lesion: equal sides have no change."""
    connection = duckdb.connect()
    for side in ("before", "after"):
        connection.execute(f"attach ':memory:' as {side}")
        connection.execute(f"create schema {side}.core")
        for table, (row_key, key) in _CORE_KEYS.items():
            names = dict.fromkeys((row_key, *key, "patient_id", "verdict"))
            columns = ", ".join(f"{name} varchar" for name in names)
            connection.execute(f"create table {side}.core.{table} ({columns})")
        rows = "('a', 'L01', 'visible'), ('b', 'L01', 'visible'), ('c', null, 'visible')"
        connection.execute(
            f"insert into {side}.core.fct_read (read_key, lesion_id, verdict) values {rows}"
        )
    assert _core_changes(connection) == []
    connection.execute("update after.core.fct_read set verdict = 'gone' where read_key = 'b'")
    connection.execute("delete from before.core.fct_read where read_key = 'c'")
    changes = _core_changes(connection)
    assert [(each["change"], each["lesion_id"]) for each in changes] == [
        ("added", None),
        ("changed", "L01"),
    ]
