"""Builds of the seeds that several tests look at, each made once per test session."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from dlm import synthetic
from dlm.cli import main
from dlm.project import import_path
from dlm.synthetic.common import Tables

PROJECT = Path(__file__).parents[2]
FIRST_SEED, DEFAULT_SEEDS = 9, 2
"""Seeds of the mutation run."""
TEST_PATH = os.pathsep.join([import_path(), str(Path(__file__).parent)])


def run(*words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a Python module's command in the project, with output kept."""
    return subprocess.run(
        [sys.executable, "-m", *words],
        cwd=PROJECT,
        env=os.environ | {"PYTHONPATH": import_path()} | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )


def once(
    factory: pytest.TempPathFactory, name: str, make: Callable[[Path], dict[str, Any]]
) -> dict[str, Any]:
    """What make() returned, made by the first test process that asks."""
    base = factory.getbasetemp()
    shared = base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    folder = shared / name
    with FileLock(shared / f"{name}.lock"):
        done = folder / "done.json"
        if not done.is_file():
            folder.mkdir(exist_ok=True)
            done.write_text(json.dumps(make(folder)), encoding="utf-8")
        result: dict[str, Any] = json.loads(done.read_text(encoding="utf-8"))
    return result


def mutation_trials(n: int) -> tuple[list[str], list[str]]:
    """Trials of the mutation run with n seeds: with faults, and (if more are asked for) without."""
    seeds = range(FIRST_SEED, FIRST_SEED + n)
    clean = seeds if n > DEFAULT_SEEDS else range(0)
    return [f"all_{seed}" for seed in seeds], [f"none_{seed}" for seed in clean]


def make_plain_build(folder: Path) -> dict[str, Any]:
    """Plain ``dbt build``: seeds, models, data tests and unit tests."""
    database = folder / "plain.duckdb"
    done = run(
        "dbt.cli.main",
        "build",
        "--profiles-dir",
        "profiles",
        "--no-version-check",
        "--quiet",
        DLM_WORK_DB=str(database),
        DBT_TARGET_PATH=str(folder / "target"),
        DBT_LOG_PATH=str(folder / "logs"),
    )
    results = json.loads((folder / "target" / "run_results.json").read_text(encoding="utf-8"))
    return {
        "database": str(database),
        "code": done.returncode,
        "said": done.stdout + done.stderr,
        "results": [
            [result["unique_id"], result["status"], result["message"]]
            for result in results["results"]
        ],
    }


def make_published(folder: Path) -> dict[str, Any]:
    """``dlm build`` on the seeds."""
    out = folder / "out"
    done = run("dlm", "build", "--out", str(out), DLM_STATE=str(folder / "state"))
    return {
        "out": str(out),
        "code": done.returncode,
        "said": done.stdout,
        "errors": done.stderr,
    }


def make_written(folder: Path) -> dict[str, Any]:
    """The trial of the seeds as ``dlm synth`` writes it: a delivery, and seeds with their truth."""
    written = {name: str(folder / name) for name in ("delivery", "seeds", "truth")}
    draw = synthetic.draw_trial
    drawn: list[Tables] = []

    def draw_once(*given: Any, **named: Any) -> Tables:
        if not drawn:
            drawn.append(draw(*given, **named))
        return drawn[0]

    with pytest.MonkeyPatch.context() as patch:
        # To find the calibrated trial takes most of the time, and both are written of it.
        patch.setattr(synthetic, "draw_trial", draw_once)
        patch.setenv("DLM_PROJECT", str(PROJECT))
        code = main(["synth", "--quiet", "--seed", "1527", "--out", written["delivery"]])
        synthetic.write_trial(
            1527, 1, folder / "seeds", "seeds", "few", truth_folder=folder / "truth"
        )
    return written | {"code": code}


def make_delivered(folder: Path, delivery: str) -> dict[str, Any]:
    """The seeds as a delivery, loaded into a store and built."""
    out, state = folder / "out", str(folder / "state")
    done = run(
        "dlm", "build", "--quiet", "--deliveries", delivery, "--received", "2021-03-01",
        "--out", str(out), DLM_STATE=state,
    )  # fmt: skip
    return {
        "delivery": delivery,
        "out": str(out),
        "DLM_STATE": state,
        "code": done.returncode,
        "errors": done.stderr,
    }
