"""Whole builds stopped at random moments, or out of room: what is published stays whole.

``make test`` kills one build, in test_main_job, and loads and publications at every write, in
test_store. Fifty builds killed at random take about a quarter of an hour:
``python -m pytest -m long``.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import builds
import duckdb
import pytest

from dlm.build import OUTPUTS, finish_interrupted_publish
from dlm.cli import main
from dlm.project import import_path
from dlm.publish import file_digests

KILLS = 50
pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals differ")


def start(
    out: Path, *options: str, arm: Callable[[], None] | None = None, short_of: str | None = None
) -> subprocess.Popen[str]:
    cramped = str(Path(__file__).with_name("cramped.py"))
    dlm = [cramped, short_of] if short_of else ["-m", "dlm"]
    return subprocess.Popen(
        [sys.executable, *dlm, "build", "--quiet", "--out", str(out), *options],
        cwd=builds.PROJECT,
        env=os.environ | {"PYTHONPATH": import_path(), "DLM_STATE": str(out / "state")},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=arm,
    )


def assert_whole(out: Path) -> None:
    """Every published file is the one that the published manifest describes."""
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    found = {
        name: digest
        for name, digest in file_digests(out).items()
        if name.split("/")[0] in OUTPUTS and name != "manifest.json"
    }
    assert found == manifest["outputs"]
    connection = duckdb.connect(str(out / "warehouse.duckdb"), read_only=True)
    for table, about in manifest["tables"].items():
        rows = connection.execute(f"select count(*) from {table}").fetchall()
        assert rows == [(about["rows"],)], table
    connection.close()


@pytest.fixture
def copy(published: dict[str, Any], tmp_path: Path) -> Path:
    """A published build that a test may spoil, without the database that it was made in."""
    target = tmp_path / "out"
    shutil.copytree(published["out"], target, ignore=shutil.ignore_patterns("work.duckdb"))
    assert_whole(target)
    return target


@pytest.mark.long
def test_what_is_published_stays_whole_whenever_a_build_is_killed(copy: Path) -> None:
    began = time.perf_counter()
    process = start(copy)
    _, said = process.communicate()
    assert process.returncode == 0, said
    whole = time.perf_counter() - began
    draw = random.Random(20210331)
    for kill in range(KILLS):
        # Two trials in turn, so that a mixture of two builds would be seen.
        process = start(copy, *(("--cutoff", "2019-06-30") if kill % 2 else ()))
        time.sleep(draw.uniform(0, whole))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        # Old or new, according to the moment; never a mixture, which the manifest would tell.
        finish_interrupted_publish(copy)
        assert_whole(copy)
    process = start(copy)
    _, said = process.communicate()
    assert process.returncode == 0, said
    assert_whole(copy)


def test_a_build_without_room_says_what_to_do_and_leaves_what_was_published(copy: Path) -> None:
    resource = pytest.importorskip("resource")

    def no_large_files() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    process = start(copy, arm=no_large_files)
    _, said = process.communicate()
    assert process.returncode == 4, said
    assert "make room or get the right to write, then build again" in said
    assert "Traceback" not in said
    assert_whole(copy)


@pytest.fixture
def nearly_full(copy: Path, tmp_path: Path) -> Iterator[Path]:
    """A published build on a disk of its own, which has room for a build's beginning alone."""
    disk = tmp_path / "disk"
    disk.mkdir()
    held = sum(path.stat().st_size for path in copy.rglob("*") if path.is_file())
    mounted = shutil.which("mount") and subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={held + 12_000_000}", "tmpfs", str(disk)],
        capture_output=True,
        check=False,
    )
    if not mounted or mounted.returncode:
        pytest.skip("no disk of its own can be had here")
    try:
        shutil.copytree(copy, disk / "out")
        yield disk / "out"
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_a_disk_that_runs_full_is_named_and_what_was_published_stays(nearly_full: Path) -> None:
    _, said = (process := start(nearly_full, short_of="disk")).communicate()
    assert process.returncode == 4, said
    assert f"the disk ran full below {nearly_full.parent}" in said
    assert "Traceback" not in said
    assert_whole(nearly_full)


def test_models_without_memory_end_the_build_and_what_was_published_stays(copy: Path) -> None:
    _, said = (process := start(copy, short_of="memory")).communicate()
    assert process.returncode == 4, said
    assert "the memory is too small (500MB); allow more in DLM_MEMORY_LIMIT" in said
    assert "Traceback" not in said
    assert_whole(copy)


def test_a_build_where_nothing_may_be_written_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DLM_PROJECT", str(builds.PROJECT))
    assert main(["build", "--quiet", "--out", "/proc/dlm"]) == 4
    said = capsys.readouterr().err
    assert "/proc/dlm" in said
    assert "Traceback" not in said
