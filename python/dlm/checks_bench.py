"""What rules and Great Expectations add to the main job: ``dlm bench checks``."""

from __future__ import annotations

import functools
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from dlm import build, warehouse
from dlm.console import Console
from dlm.errors import DlmError
from dlm.project import Places, find_places
from dlm.workers import Worker

MOST_ADDED = 1 / 3
"""Share of the rest of the main job that checks may take more, at trial size."""
CHECKER = "dlm.quality.worker"
CHECKS = tuple(f"path:models/quality/{folder}+" for folder in ("checked", "rules", "workflow"))
"""Models of the rules, with the data tests that read them; no result reads them."""


def checks(places: Places, runs: int, json_out: Path | None) -> int:
    """Time the main job on the seeds with and without the checks, in turn; medians.

    Both are processes of their own that load, build, draw and publish; without the checks neither
    the models of the rules nor their data tests run, no expectation, no quality page and no gate.

    Args:
        places: the project; its outputs and store are left alone.
        runs: counted runs of each; one more fills the caches of parsed code.
        json_out: file for the figures as JSON; None for none.

    Returns:
        Exit code 0, or 1 where checks add more than MOST_ADDED of wall time.

    Raises:
        DlmError: a build failed.
    """
    took: dict[str, list[tuple[float, float]]] = {"without": [], "with": []}
    with tempfile.TemporaryDirectory() as scratch:
        for run in range(runs + 1):
            for which, measured in took.items():
                seconds = _timed(places, which, Path(scratch))
                if run:
                    measured.append(seconds)
                told = f"{which} checks {seconds[0]:.1f} s, CPU {seconds[1]:.1f} s"
                print(f"run {run or 'warm-up'}: {told}", file=sys.stderr)
    print("| main job | median s | least s | most s | median CPU s |\n|---|---|---|---|---|")
    medians = {}
    for which, measured in took.items():
        wall, cpu = zip(*measured, strict=True)
        medians[which] = statistics.median(wall), statistics.median(cpu)
        print(
            f"| {which} checks | {medians[which][0]:.1f} | {min(wall):.1f} | {max(wall):.1f} "
            f"| {medians[which][1]:.1f} |"
        )
    added = [medians["with"][at] / medians["without"][at] - 1 for at in (0, 1)]
    print(f"\nchecks add {added[0]:.0%} (at most {MOST_ADDED:.0%}); of CPU time {added[1]:.0%}")
    if json_out:
        found = {"runs": took, "added_wall": added[0], "added_cpu": added[1]}
        json_out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0 if added[0] <= MOST_ADDED else 1


def _timed(places: Places, which: str, scratch: Path) -> tuple[float, float]:
    """Wall and CPU seconds of one main job in a process of its own."""
    environment = os.environ | {
        "DLM_PROJECT": str(places.project),
        "DLM_OUT": str(scratch / which),
        "DLM_STATE": str(scratch / "state"),
    }
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "dlm.checks_bench", which],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    wall, after = time.perf_counter() - started, os.times()
    if done.returncode:
        raise DlmError(f"the build {which} checks failed:\n{done.stdout}{done.stderr}")
    cpu = sum(
        getattr(after, at) - getattr(before, at) for at in ("children_user", "children_system")
    )
    return wall, cpu


class _NoChecker:
    """Stands in for the worker that checks, and finds nothing."""

    def __enter__(self) -> _NoChecker:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def ask(self, request: dict[str, Any]) -> None:
        pass

    def answer(self) -> dict[str, Any]:
        return {"results": [], "blocking": [], "blocking_rules": [], "warnings": []}


def _without_checks() -> Iterator[Any]:
    """What to put in place of the parts of the main job that check."""
    run_the_rest = functools.partial(warehouse.run_dbt, exclude=CHECKS)

    def worker(module: str, **options: Any) -> Worker | _NoChecker:
        return _NoChecker() if module == CHECKER else Worker(module, **options)

    yield mock.patch.object(warehouse, "run_dbt", run_the_rest)
    yield mock.patch.object(build, "Worker", worker)
    yield mock.patch.object(build, "_pass_gate", lambda *_: set())
    yield mock.patch.object(build, "_refuse_broken", lambda *_: None)
    yield mock.patch.object(build, "OUTPUTS", [name for name in build.OUTPUTS if name != "quality"])


def _main(which: str) -> None:
    for patch in _without_checks() if which == "without" else ():
        patch.start()
    build.build(find_places(), build.Options(), Console(quiet=True))


if __name__ == "__main__":
    _main(sys.argv[1])
