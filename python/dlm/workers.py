"""Helper processes that import slow libraries while dbt runs, then answer requests.

A worker reads one JSON object per line from its standard input and answers each with one JSON
object per line; it ends when its input closes, so it never outlives the build.
"""

from __future__ import annotations

import contextlib
import json
import os
import runpy
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from dlm import engine
from dlm.errors import BlockedError, DlmError

_GIVING_WAY = 10
"""Niceness of a helper process that stands back; 0 is usual and 19 the most."""
_KILLED = -9
"""Exit code of a process that the system ended at once."""


class Worker:
    """A helper process, which begins at once to import; use as a context manager.

    Args:
        module: to run.
        arguments: for it.
        gives_way: whether it stands back where others want the processor.
    """

    def __init__(self, module: str, arguments: Sequence[str] = (), gives_way: bool = False):
        self._module = module
        self._arguments = arguments
        self._gives_way = gives_way
        self._was_asked = False
        self._process: subprocess.Popen[str] | None = self._started()

    def _started(self) -> subprocess.Popen[str]:
        # A fixed hash seed: libraries that walk sets write their pages in one order.
        environment = os.environ | {
            "PYTHONIOENCODING": "utf-8",
            "PYTHONHASHSEED": "0",
            "MPLBACKEND": "Agg",
        }
        process = subprocess.Popen(
            [sys.executable, "-m", "dlm.workers", self._module, *self._arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            env=environment,
        )
        if self._gives_way and hasattr(os, "setpriority"):
            os.setpriority(os.PRIO_PROCESS, process.pid, _GIVING_WAY)
        return process

    def __enter__(self) -> Worker:
        return self

    def __exit__(self, *_: object) -> None:
        self.rest()

    def rest(self) -> None:
        """End the process, and so give its memory back, until there is something to ask it.

        One that was asked something has files to remove; one that was not would first import all.
        """
        if self._process is None:
            return
        process, self._process = self._process, None
        assert process.stdin is not None and process.stdout is not None
        if not self._was_asked:
            process.kill()
        self._was_asked = False
        with contextlib.suppress(OSError):
            process.stdin.close()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()

    def ask(self, request: dict[str, Any]) -> None:
        """Send a request; the answer is taken with answer()."""
        self._process = self._process or self._started()
        self._was_asked = True
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        except OSError:
            raise self._died(self._process) from None

    def answer(self) -> dict[str, Any]:
        """The answer to the oldest open request.

        Raises:
            BlockedError: the worker found something that must stop the build.
            DlmError: the worker failed or died.
            KeyboardInterrupt: Ctrl-C ended it.
        """
        process = self._process
        assert process is not None and process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise self._died(process)
        try:
            answer: dict[str, Any] = json.loads(line)
        except json.JSONDecodeError:
            raise DlmError(
                f"helper process {self._module} answered in words of a library that it imports; "
                "install the versions of requirements.lock and build again"
            ) from None
        if "blocked" in answer:
            raise BlockedError(answer["blocked"])
        if "error" in answer:
            raise DlmError(f"{self._module}: {answer['error']}")
        return answer

    def _died(self, process: subprocess.Popen[str]) -> DlmError:
        code = process.wait()
        if code == -signal.SIGINT:
            # Ctrl-C, which a library at work in this process may have kept to itself.
            raise KeyboardInterrupt
        if code == _KILLED:
            return DlmError(
                f"helper process {self._module} was ended from outside, most often for want of "
                "memory; close programs, or run on a machine with more"
            )
        return DlmError(f"helper process {self._module} ended with exit code {code}")


class Errands:
    """What helpers are asked to do while the caller does something else; a context manager.

    Left early, by an error or Ctrl-C, it asks no more; the helpers end with their own contexts.

    Args:
        requests: helpers and what each is asked.
        one_by_one: whether the next is only asked when the one before has ended its process.
    """

    def __init__(self, requests: Sequence[tuple[Worker, dict[str, Any]]], one_by_one: bool):
        self._one_by_one = one_by_one
        self._pool = ThreadPoolExecutor(1 if one_by_one else len(requests))
        self._answers = [self._pool.submit(self._run, *request) for request in requests]

    def _run(self, worker: Worker, request: dict[str, Any]) -> dict[str, Any]:
        worker.ask(request)
        answer = worker.answer()
        if self._one_by_one:
            worker.rest()
        return answer

    def __enter__(self) -> Errands:
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)

    def answers(self) -> list[dict[str, Any]]:
        """The answers in the order of the requests; raises what `Worker.answer` does."""
        return [answer.result() for answer in self._answers]


def serve(
    handle: Callable[[dict[str, Any]], dict[str, Any]],
    prepare: Callable[[], object] = lambda: None,
) -> None:
    """Answer requests on standard input until it closes; used by worker modules.

    What a library prints goes to standard error, so that it cannot spoil an answer.

    Args:
        handle: makes an answer of a request.
        prepare: what is done before the first request comes: slow imports.
    """
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    prepare()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            answer = handle(request)
        except BlockedError as error:
            answer = {"blocked": str(error)}
        except DlmError as error:
            answer = {"error": str(error)}
        except Exception as error:
            missing = engine.explained(error, Path(request["database"]))
            if missing is None:
                traceback.print_exc()
            answer = {"error": missing or f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    # Ctrl-C reaches helpers too; they end by it without a word, even while they import.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    runpy.run_module(sys.argv.pop(1), run_name="__main__", alter_sys=True)
