"""Memory and scratch folder are settings, and what is missing is said."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import builds
import duckdb
import pytest

from dlm import deliveries, engine
from dlm.build import Options, _alone_in, _load
from dlm.console import Console
from dlm.contracts import load_contracts
from dlm.errors import DlmError, UsageError
from dlm.project import Places
from dlm.scratch import private_folder, scratch_folder
from dlm.workers import Errands, Worker


@pytest.mark.parametrize(
    ("text", "size"),
    [("5GB", 5e9), ("4.5 gb", 4.5e9), ("4GiB", 4 * 2**30), ("800m", 8e8), ("6000000000", 6e9)],
)
def test_sizes_are_read_as_people_write_them(
    text: str, size: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(engine.MEMORY, text)
    assert engine.memory_limit() == size


@pytest.mark.parametrize("text", ["much", "5 apples", "100MB", "-3GB"])
def test_what_is_no_size_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engine.MEMORY, text)
    with pytest.raises(UsageError, match=engine.MEMORY):
        engine.memory_limit()


def test_connections_keep_to_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(engine.MEMORY, "5GB")
    monkeypatch.setenv(engine.TEMP, str(tmp_path / "its room"))
    with engine.connect(part=0.6) as one, engine.connect() as other:
        told = [
            connection.execute(
                "select current_setting('memory_limit'), current_setting('temp_directory')"
            ).fetchall()[0]
            for connection in (one, other)
        ]
    assert [limit for limit, _ in told] == ["2.7 GiB", "715.2 MiB"]
    folders = [Path(folder) for _, folder in told]
    assert folders[0] != folders[1]
    assert {folder.parents[1] for folder in folders} == {tmp_path / "its room"}
    monkeypatch.delenv(engine.MEMORY)
    assert engine.share(0.5) is None


_HOLDING_ONE = """
import sys
from dlm.scratch import scratch_folder
with scratch_folder() as folder:
    (folder / "records.duckdb").write_text("of patients")
    print(folder, flush=True)
    sys.stdin.read()
"""


def test_scratch_folders_are_private_and_a_killed_command_leaves_none_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(engine.TEMP, str(tmp_path / "its room"))
    commands = [
        subprocess.Popen(
            [sys.executable, "-c", _HOLDING_ONE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    folders = [Path(command.stdout.readline().strip()) for command in commands if command.stdout]
    commands[0].kill()
    commands[0].wait()
    assert folders[0].is_dir()
    (tmp_path / "its room" / "dlm-scratch-never-made.lock").touch()
    with scratch_folder() as folder:
        assert folder.parent == tmp_path / "its room"
        assert sys.platform == "win32" or folder.stat().st_mode & 0o077 == 0
        assert not folders[0].exists()
        assert (folders[1] / "records.duckdb").is_file(), "that command is running"
    commands[1].communicate("")
    assert commands[1].returncode == 0
    assert not list((tmp_path / "its room").iterdir())


def test_sizes_are_read_as_the_engine_writes_them() -> None:
    with engine.connect() as connection:
        for wanted in ("400MB", "3GB"):
            connection.execute(f"set memory_limit = '{wanted}'")
            told = connection.execute("select current_setting('memory_limit')").fetchall()[0][0]
            size = engine.size_of(told)
            assert size is not None and abs(size / (engine.size_of(wanted) or 1) - 1) < 0.05


@pytest.mark.parametrize(
    ("name", "size", "allowed", "megabytes"),
    [
        ("eortc/read.csv", 10**6, "3GB", 400),
        ("eortc/read.csv", 3 * 10**9, "3GB", 1000),
        ("eortc/read.parquet", 10**9, "3GB", 3000),
        ("eortc/read.parquet", 10**9, "300MB", 400),
    ],
)
def test_large_deliveries_are_loaded_with_more_memory(
    name: str, size: int, allowed: str, megabytes: int, tmp_path: Path
) -> None:
    path = tmp_path / "object"
    with path.open("wb") as handle:
        handle.truncate(size)
    contract = load_contracts()["eortc"]
    item = deliveries.Incoming(path, name, contract.file_specs()[0], contract, None, "d", None)
    assert deliveries._load_memory([item], allowed) == megabytes


def test_no_room_is_said_before(tmp_path: Path) -> None:
    work = tmp_path / "work.duckdb"
    assert engine.room_of_a_build(work, 1000) == 100_400_000
    with pytest.raises(DlmError, match=r"about .* GB are needed below .*--out"):
        engine.room_of_a_build(work, 10**15)
    with pytest.raises(DlmError, match=r"are needed below .*not yet there.* DLM_STATE"):
        engine.refuse_without_room(tmp_path / "not yet there" / "state", 10**18, "DLM_STATE")


def test_room_is_looked_for_on_each_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 400 bytes a record 100 are for what does not fit into memory; 100 MB are for any build."""
    named, out = tmp_path / "temp", tmp_path / "out"
    named.mkdir()
    out.mkdir()
    disks = {named: (1, 90_000_000), out: (2, 450_000_000)}
    monkeypatch.setenv(engine.TEMP, str(named))
    monkeypatch.setattr(engine, "_disk_of", lambda folder: disks[folder][0])
    monkeypatch.setattr(
        engine.shutil, "disk_usage", lambda path: SimpleNamespace(free=disks[path][1])
    )
    with pytest.raises(DlmError, match="temp, where 90 MB"):
        engine.room_of_a_build(out / "work.duckdb", 10**6)
    disks[named] = (1, 110_000_000)
    assert engine.room_of_a_build(out / "work.duckdb", 10**6) == 500_000_000
    disks[named] = (2, 450_000_000)
    with pytest.raises(DlmError, match="out, where 450 MB"):
        engine.room_of_a_build(out / "work.duckdb", 10**6)


def test_what_an_earlier_build_worked_in_makes_room_for_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("work.duckdb", "work.duckdb.wal", "warehouse.duckdb"):
        (tmp_path / name).touch()

    def left(work: Path, records: int) -> int:
        raise DlmError(f"{[path.name for path in work.parent.iterdir()]} is left")

    monkeypatch.setattr(engine, "room_of_a_build", left)
    places = Places(builds.PROJECT, tmp_path, tmp_path / "state")
    with pytest.raises(DlmError, match=r"^\['warehouse\.duckdb'\] is left"):
        _load(places, Options(), Console(quiet=True))


def test_errors_of_the_engine_say_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(engine.TEMP, str(tmp_path))
    with engine.connect() as connection:
        connection.execute("set memory_limit = '20MB'")
        big = "select list(i), list(md5(i::varchar)) from range(3000000) as t (i) group by i % 9"
        with pytest.raises(duckdb.Error) as memory:
            connection.execute(f"create table one as {big}")
        connection.execute("set max_temp_directory_size = '1MB'; set memory_limit = '60MB'")
        with pytest.raises(duckdb.Error) as disk:
            connection.execute(
                "create table two as select md5(i::varchar) as m from range(3000000) as t (i) "
                "order by m"
            )
    work = tmp_path / "work.duckdb"
    assert "memory is too small" in str(engine.explained(str(memory.value), work))
    assert "disk ran full" in str(engine.explained(str(disk.value), work))
    elsewhere = f'IO Error: Could not write file "{tmp_path}/out/a": No space left on device'
    (tmp_path / "out").mkdir()
    assert f"ran full below {tmp_path}/out (" in str(engine.explained(elsewhere, work))
    assert engine.explained("Binder Error: no such column", work) is None


def test_errors_of_others_say_what_is_missing_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(engine.TEMP, str(tmp_path / "spill"))
    work = tmp_path / "out" / "work.duckdb"
    work.parent.mkdir()
    (tmp_path / "pages").mkdir()
    full = errno.ENOSPC, os.strerror(errno.ENOSPC)
    for error, folder in (
        (OSError(*full, str(tmp_path / "pages" / "report.html")), "pages"),
        (OSError(*full, str(work), None, str(tmp_path / "pages" / "copy")), "pages"),
        (OSError(*full), "out"),
    ):
        assert f"ran full below {tmp_path / folder} (" in str(engine.explained(error, work))
    for memory in (
        MemoryError(),
        "Unable to allocate 1.2 GiB for an array with shape (1, 2)",
        "ArrowMemoryError: malloc of size 64 failed",
    ):
        assert "memory is too small" in str(engine.explained(memory, work))
    java = "java.lang.OutOfMemoryError: Java heap space"
    assert "DLM_SPARK_MEMORY" in str(engine.explained(java, work))
    assert engine.explained(OSError(errno.EACCES, "Permission denied", "x"), work) is None


def test_a_work_database_that_another_program_has_open_is_named(tmp_path: Path) -> None:
    work = tmp_path / "work.duckdb"
    program = (
        "import duckdb, sys\n"
        "held = duckdb.connect(sys.argv[1]); print(flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(work)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        said = r"work\.duckdb is open in another program .* try again; what was published before"
        with pytest.raises(DlmError, match=said), _alone_in(tmp_path):
            engine.connect(work)
        holder.kill()


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_a_helper_process_that_the_system_ended_says_why_most_often(tmp_path: Path) -> None:
    with Worker("dlm.quality.worker") as worker:
        assert worker._process is not None
        worker._process.kill()
        with pytest.raises(DlmError, match="for want of memory"):
            worker.answer()


def test_a_helper_process_says_what_is_missing_too(tmp_path: Path) -> None:
    program = (
        "import duckdb; from dlm.workers import serve\n"
        "def handle(request): raise duckdb.OutOfMemoryException('failed to allocate data')\n"
        "def prepare(): print('a library says hello')\n"
        "serve(handle, prepare)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        input=json.dumps({"database": str(tmp_path / "work.duckdb")}) + "\n",
        capture_output=True,
        text=True,
        check=True,
    )
    assert "memory is too small" in json.loads(done.stdout)["error"]
    assert "a library says hello" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Worker]:
    """Starts a helper process that runs these words."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)

    def start(words: str) -> Worker:
        (tmp_path / "small_helper.py").write_text(words, encoding="utf-8")
        return Worker("small_helper")

    return start


def test_a_helper_process_that_answers_in_other_words_is_named(
    helper: Callable[[str], Worker],
) -> None:
    named = pytest.raises(DlmError, match="helper process small_helper")
    with helper("print('a library says hello')") as worker, named:
        worker.answer()


def test_a_helper_process_that_fails_stops_the_build_also_after_a_rest(
    helper: Callable[[str], Worker],
) -> None:
    program = (
        "from dlm.workers import serve\n"
        "def handle(request): raise ValueError('no such record')\n"
        "serve(handle)"
    )
    with helper(program) as worker:
        worker.ask({"database": "work.duckdb"})
        with pytest.raises(DlmError, match="ValueError: no such record"):
            worker.answer()
        first = worker._process
        worker.rest()
        assert first is not None
        assert first.poll() is not None
        worker.ask({"database": "work.duckdb"})
        assert worker._process is not first
        with pytest.raises(DlmError, match="no such record"):
            worker.answer()


@pytest.mark.skipif(sys.platform == "win32", reason="signals differ")
def test_a_helper_process_that_ctrl_c_ended_stops_the_command(
    helper: Callable[[str], Worker],
) -> None:
    program = "import os, signal, time; os.kill(os.getpid(), signal.SIGINT); time.sleep(60)"
    with helper(program) as worker, pytest.raises(KeyboardInterrupt):
        worker.answer()


def test_a_helper_process_that_nobody_asked_anything_is_not_waited_for(
    helper: Callable[[str], Worker],
) -> None:
    slow_imports = "import time; time.sleep(60)"
    with helper(slow_imports) as worker:
        process = worker._process
        began = time.monotonic()
    assert time.monotonic() - began < 5
    assert process is not None
    assert process.poll() is not None


def test_a_helper_process_that_was_asked_something_removes_its_files_before_it_ends(
    helper: Callable[[str], Worker], tmp_path: Path
) -> None:
    spilled = tmp_path / "spilled"
    program = (
        "import atexit, pathlib\n"
        "from dlm.workers import serve\n"
        f"spilled = pathlib.Path({str(spilled)!r})\n"
        "spilled.touch()\n"
        "atexit.register(spilled.unlink)\n"
        "serve(lambda request: {})"
    )
    with helper(program) as worker:
        worker.ask({})
        worker.answer()
        assert spilled.exists()
        worker.ask({})
    assert not spilled.exists()


def test_what_is_made_in_memory_spills_beside_its_file_and_not_where_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    beside = tmp_path / "out" / "warehouse.duckdb"
    with engine.connect(beside=beside) as connection:
        connection.execute("set memory_limit = '50MB'; set threads = 1")
        connection.execute(
            "create temp table many as select md5(range::varchar) as h from range(3000000)"
        )
        (spilled,) = (tmp_path / "out").iterdir()
        assert spilled.name.startswith("warehouse.duckdb.") and list(spilled.iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_lies_where_one_may_only_read_spills_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    warehouse = tmp_path / "warehouse.duckdb"
    duckdb.connect(str(warehouse)).close()
    monkeypatch.delenv(engine.TEMP, raising=False)
    monkeypatch.setattr(engine.os, "access", lambda path, mode: path != tmp_path)
    with engine.connect(warehouse, read_only=True) as connection:
        told = connection.execute("select current_setting('temp_directory')").fetchall()[0][0]
    assert Path(told).parent == private_folder()


def test_a_second_connection_to_a_file_may_be_opened_where_the_first_has_spilled(
    tmp_path: Path,
) -> None:
    with engine.connect(tmp_path / "one.duckdb") as first:
        first.execute("set memory_limit = '50MB'; set threads = 1")
        first.execute(
            "create temp table many as select md5(range::varchar) as h from range(3000000)"
        )
        with engine.connect(tmp_path / "one.duckdb") as second:
            assert second.execute("select 1").fetchall() == [(1,)]


def test_rows_are_added_in_one_transaction(tmp_path: Path) -> None:
    """One that cannot be leaves none of those before it."""
    path = str(tmp_path / "one.duckdb")
    with pytest.raises(duckdb.ConversionException), duckdb.connect(path) as connection:
        connection.execute("create table lines (line bigint)")
        engine.insert(connection, "lines", [(1,), ("one",)])
    with duckdb.connect(path) as connection:
        assert connection.execute("from lines").fetchall() == []


def test_dbt_is_named_one_folder_cleared_of_what_a_killed_build_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DLM_DUCKDB_TEMP", "")
    work = tmp_path / "work.duckdb"
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    of_a_reader = f"other.duckdb.{os.getpid()}-1.tmp"
    for left in (
        "work.duckdb.tmp", "work.duckdb.17-1.tmp", of_a_reader, f"other.duckdb.{ended.pid}-1.tmp",
    ):  # fmt: skip
        (tmp_path / left).mkdir()
        (tmp_path / left / "spilled").write_text("records")
    with engine.dbt_spills(work):
        assert os.environ["DLM_DUCKDB_TEMP"] == str(tmp_path / "work.duckdb.tmp")
        assert of_a_reader in [path.name for path in tmp_path.iterdir()]
        if sys.platform != "win32":
            assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setenv(engine.TEMP, str(tmp_path / "its room"))
    (tmp_path / "its room" / "dlm-scratch-build-of-another-that-was-killed").mkdir(parents=True)
    named = set()
    for _ in range(2):
        with engine.dbt_spills(work):
            folder = Path(os.environ["DLM_DUCKDB_TEMP"])
            assert sys.platform == "win32" or folder.stat().st_mode & 0o077 == 0
            named.add(folder)
        assert not folder.exists()
    (one,) = named
    assert one.parent == tmp_path / "its room"
    assert not list(one.parent.iterdir())


def meeting(names: tuple[str, str], folder: Path, seconds: float) -> list[dict[str, str | float]]:
    """What to ask two helpers that run WAITS, each of the other."""
    return [
        {"mine": str(folder / mine), "other": str(folder / other), "seconds": seconds}
        for mine, other in (names, names[::-1])
    ]


WAITS = """
import atexit, pathlib, time
from dlm.workers import serve

def handle(request):
    mine, other = (pathlib.Path(request[name]) for name in ("mine", "other"))
    mine.touch()
    atexit.register(mine.unlink)
    until = time.monotonic() + request["seconds"]
    while not other.exists() and time.monotonic() < until:
        time.sleep(0.01)
    return {"met": other.exists()}

serve(handle)
"""
"""A helper that waits for another, until that is at work as well or some time is over."""


def test_helpers_are_at_work_together(helper: Callable[[str], Worker], tmp_path: Path) -> None:
    with helper(WAITS) as one, helper(WAITS) as two:
        first, second = meeting(("one", "two"), tmp_path, seconds=30)
        with Errands([(one, first), (two, second)], one_by_one=False) as asked:
            assert asked.answers() == [{"met": True}, {"met": True}]


def test_helpers_that_take_turns_give_their_memory_back_before_the_next_is_asked(
    helper: Callable[[str], Worker], tmp_path: Path
) -> None:
    with helper(WAITS) as one, helper(WAITS) as two:
        first, second = meeting(("one", "two"), tmp_path, seconds=0.5)
        with Errands([(one, first), (two, second)], one_by_one=True) as asked:
            assert asked.answers() == [{"met": False}, {"met": False}]
        assert one._process is None


def test_what_ends_early_asks_no_more_helpers(
    helper: Callable[[str], Worker], tmp_path: Path
) -> None:
    with helper(WAITS) as one, helper(WAITS) as two:
        first, second = meeting(("one", "two"), tmp_path, seconds=1)
        two.rest()
        full_disk = pytest.raises(OSError, match="no room")
        with full_disk, Errands([(one, first), (two, second)], one_by_one=True) as asked:
            while not (tmp_path / "one").exists():
                time.sleep(0.01)
            raise OSError("no room")
        assert asked._answers[1].cancelled()
        assert two._process is None
