"""The table of all benchmarks holds each with its median, spread and peer."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dlm import bench_table

FIGURES: dict[str, dict[str, Any]] = {
    "overhead": {"seconds": {"dlm build": [10.0, 12.0, 11.0], "dbt build": [10.0, 10.0, 10.0]}},
    "checks": {"runs": {"with": [[3.0, 4.0]], "without": [[2.0, 2.0]]}},
    "load": {
        "rows": 1000,
        "runs": {"dlm": [{"seconds": 2.0}], "read_csv": [{"seconds": 1.0}]},
    },
    "survival": {
        "subjects": 100,
        "measured": {
            "dlm": {"seconds": {"km": [9.0, 1.0, 2.0]}, "median": {"km": 1.5}},
            "lifelines": {"seconds": {"km": [3.0]}, "median": {"km": 3.0}},
        },
    },
    "scale": {
        "records": 5000,
        "floor_s": 2.0,
        "seconds": {
            "load": 1.0, "staging": 1.0, "core": 1.0, "concordance": 1.0, "rules": 0.5,
            "Great Expectations": 0.5,
        },
        "records_per_second_and_core": {"DuckDB": 1000.0, "pandas": 500.0, "Spark": 250.0},
    },
    "parity": {"seconds": {"duckdb": 20.0, "spark": 200.0}},
    "synth": {"records": 5000, "synth_s": 3.0, "read_csv_s": [1.0, 2.0, 1.5]},
}  # fmt: skip


def test_one_table_of_every_benchmark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    loads: list[int] = []
    called: list[list[str]] = []

    def run(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        if "bench" not in command:  # platform asks the system for the processor
            raise OSError
        called.append(command)
        figures = FIGURES[command[4]]
        if command[4] == "scale":
            loads.append(len(loads))
            figures = figures | {"seconds": figures["seconds"] | {"load": float(loads[-1] + 1)}}
        if command[4] != "checks":
            Path(command[-1]).write_text(json.dumps(figures), encoding="utf-8")
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(bench_table.subprocess, "run", run)
    assert bench_table.every(3, 1000, 100, 5, tmp_path / "all.json", with_spark=True) == 4
    told = capsys.readouterr().out.splitlines()
    assert f"python {sys.version.split()[0]}" in told[0]
    for line in (
        "| overhead | dlm build | 11.00 | 10.00 to 12.00, 3 runs | dbt build | 10.00 | "
        "10.00 to 10.00, 3 runs | 1.10 |",
        "| load | load 1,000 records | 2.00 | one run | DuckDB read_csv | 1.00 | one run | 2.00 |",
        "| survival | km, subjects 100 | 1.50 | 1.00 to 2.00, 2 runs | lifelines | 3.00 | "
        "one run | 0.50 |",
        "| scale | load to concordance, 5,000 records | 5.00 | 4.00 to 6.00, 3 runs | "
        "hand-written script | 2.00 | 2.00 to 2.00, 3 runs | 2.50 |",
        "| scale | staging to concordance, core seconds reckoned from the rate | 5.00 | "
        "5.00 to 5.00, 3 runs | "
        "pandas, clean forms in memory, derivation alone | 10.00 | 10.00 to 10.00, 3 runs | 0.50 |",
        "| scale | staging to concordance, core seconds reckoned from the rate | 5.00 | "
        "5.00 to 5.00, 3 runs | "
        "a Spark session | 20.00 | 20.00 to 20.00, 3 runs | 0.25 |",
        "| parity | dlm build --target spark, starting Java included | 200.00 | one run | "
        "dlm build | 20.00 | one run | 10.00 |",
        "| synth | synth, 5,000 records of CSV | 3.00 | 3.00 to 3.00, 3 runs | "
        "DuckDB read_csv | 1.50 | 1.50 to 1.50, 3 runs | 2.00 |",
    ):
        assert line in told
    assert "not measured: checks ended with 1" in told
    assert "not measured: Spark (--with-spark)" not in told
    assert all("--with-spark" in command for command in called if command[4] == "scale")
    content = json.loads((tmp_path / "all.json").read_text(encoding="utf-8"))
    assert set(content) == {"machine", "table", "figures"}
    assert len(content["table"]) == 9


def test_the_time_checks_add_is_held_against_a_build_without() -> None:
    line = next(iter(bench_table._of_checks([FIGURES["checks"]])))
    assert (line.median, line.peer_median) == (3.0, 2.0)
