"""Run one command many times, each time stopped or refused by the system at another moment.

A script, so that it can fork without threads: it prints, as JSON, what each run ended with.
"""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb  # noqa: F401  imported once, before the forks
import pyarrow  # noqa: F401

import dlm.deliveries  # noqa: F401
from dlm.build import finish_interrupted_publish
from dlm.cli import main
from dlm.contracts import load_contracts
from dlm.reading.privacy import private_text

WRITES = {"open", "os.rename", "os.mkdir", "os.remove", "os.rmdir", "fsync"}
KILLED = 137


def at_each_write(under: Path, act: Callable[[], None]) -> None:
    """Call act before each change to a file or folder below a folder."""

    def fsync(handle: int) -> None:
        # Told, not done: a process is ended here, not the machine.
        sys.audit("fsync", under)

    os.fsync = fsync

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in WRITES or not str(arguments[0]).startswith(str(under)):
            return
        reads = event == "open" and not int(arguments[2] or 0) & (os.O_WRONLY | os.O_RDWR)
        if not reads:
            act()

    sys.addaudithook(hook)


acted = False


def on_write(number: int, act: Callable[[], None]) -> Callable[[], None]:
    """Act on one write only, counted from 0."""
    seen = -1

    def count() -> None:
        global acted
        nonlocal seen
        seen += 1
        if seen == number:
            acted = True
            act()

    return count


def fail(code: int) -> Callable[[], None]:
    def act() -> None:
        raise OSError(code, os.strerror(code))

    return act


def run(words: list[str], folder: Path) -> int:
    """The command, or the end of a publication that was prepared; its exit code."""
    if words == ["publish"]:
        os.chdir(folder)
        finish_interrupted_publish(folder)
        return 0
    return main(words)


def child(words: list[str], folder: Path, arm: Callable[[], None]) -> tuple[int, int]:
    """Fork, arm, run; the child's process id and a handle on what it says."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        return pid, reader
    said = io.StringIO()
    code = 99
    try:
        with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
            arm()
            code = run(words, folder)
    finally:
        os.write(writer, json.dumps([acted, said.getvalue()]).encode()[:4000])
        os._exit(code)


def ended(pid: int, reader: int) -> dict[str, Any]:
    with os.fdopen(reader) as handle:
        told = handle.read()
    acted, said = json.loads(told) if told else (True, "")
    _, status = os.waitpid(pid, 0)
    code = KILLED if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)
    return {"code": code, "acted": acted, "said": said}


def main_script(how: str, start: Path, work: Path, words: list[str]) -> list[dict[str, Any]]:
    """Runs on copies work/0, work/1, ... of the folder start, each broken at another moment.

    how: kill, full (no space left) or readonly at each write in turn until there is none left,
    or random: killed from outside at fifty moments, drawn over the time of a whole run.
    """
    # Read once, before the forks.
    load_contracts()
    private_text("")
    results: list[dict[str, Any]] = []
    draw = random.Random(20210331)
    whole = 0.0
    number = 0
    while number < 200:
        folder = work / str(number)
        shutil.copytree(start, folder) if start.is_dir() else folder.mkdir(parents=True)
        os.environ["DLM_STATE"] = str(folder)
        act = {
            "kill": on_write(number, lambda: os._exit(KILLED)),
            "full": on_write(number, fail(errno.ENOSPC)),
            "readonly": fail(errno.EROFS),
            "random": lambda: None,
        }[how]
        began = time.perf_counter()
        pid, reader = child(words, folder, lambda act=act, to=folder: at_each_write(to, act))
        if how == "random" and number:
            time.sleep(draw.uniform(0, whole))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        results.append(ended(pid, reader) | {"folder": str(folder)})
        whole = whole or time.perf_counter() - began
        number += 1
        if how == "readonly" or (how == "random" and number > 50):
            break
        if how in ("kill", "full") and not results[-1]["acted"]:
            break
    return results


if __name__ == "__main__":
    print(json.dumps(main_script(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]), sys.argv[4:])))
