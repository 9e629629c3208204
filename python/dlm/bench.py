"""Measurements with a peer beside them in the same run; the machine's noise hits both alike."""

from __future__ import annotations

import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

_VERDICTS = {"0": "1", "1": "0"}


def overhead(project: Path, runs: int, json_out: Path | None) -> int:
    """Time ``dlm build`` against plain ``dbt build`` after one pathology verdict was changed.

    Both work in a copy of the project, in turn, each with warm parse caches; wall time of the whole
    process, medians.

    Args:
        project: the project to copy.
        runs: counted runs of each.
        json_out: file for the figures as JSON; None for none.

    Returns:
        Exit code 0.
    """
    with tempfile.TemporaryDirectory() as scratch:
        copy = Path(scratch) / "project"
        shutil.copytree(
            project,
            copy,
            ignore=shutil.ignore_patterns(
                ".venv", ".git", "build", "state", "target", "logs", "__pycache__", "unit", "oracle"
            ),
        )
        (copy / "build").mkdir()
        environment = os.environ | {
            "DLM_PROJECT": str(copy),
            "DLM_OUT": str(copy / "build" / "dlm"),
            "PYTHONPATH": str(copy / "python"),
        }
        plain = [
            sys.executable, "-m", "dbt.cli.main", "build", "--project-dir", ".",
            "--profiles-dir", "profiles", "--no-version-check", "--quiet",
        ]  # fmt: skip
        full = [sys.executable, "-m", "dlm", "build", "--quiet"]
        times: dict[str, list[float]] = {"dbt build": [], "dlm build": []}
        for run in range(runs + 1):
            _change_one_verdict(copy / "seeds" / "eortc" / "eortc__pathology.csv")
            for name, command in (("dbt build", plain), ("dlm build", full)):
                started = time.perf_counter()
                done = subprocess.run(
                    command, cwd=copy, env=environment, capture_output=True, text=True, check=False
                )
                took = time.perf_counter() - started
                if done.returncode:
                    print(done.stdout + done.stderr, file=sys.stderr)
                    print(f"error: {name} ended with {done.returncode}", file=sys.stderr)
                    return 4
                if run:
                    times[name].append(took)
                print(f"run {run or 'warm-up'}: {name} {took:.1f} s", file=sys.stderr)
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratio = medians["dlm build"] / medians["dbt build"]
    print("| command | median s | least s | most s |\n|---|---|---|---|")
    for name, values in times.items():
        print(f"| {name} | {medians[name]:.1f} | {min(values):.1f} | {max(values):.1f} |")
    print(f"\ndlm build / dbt build: {ratio:.2f}")
    if json_out:
        json_out.write_text(json.dumps({"seconds": times, "ratio": ratio}, indent=1) + "\n")
    return 0


def _change_one_verdict(path: Path) -> None:
    """Turn the first readable pathology verdict of the file over."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle, delimiter=";"))
    position = rows[0].index("VIABLE")
    row = next(row for row in rows[1:] if row[position] in _VERDICTS)
    row[position] = _VERDICTS[row[position]]
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, delimiter=";", lineterminator="\n").writerows(rows)
