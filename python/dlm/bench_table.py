"""Every benchmark of the project in one table, with the machine and the versions it was run on."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dlm.project import import_path

_LIBRARIES = (
    "dlm-warehouse",
    "duckdb",
    "dbt-core",
    "dbt-duckdb",
    "great-expectations",
    "pandas",
    "numpy",
    "pyarrow",
    "lifelines",
)
_OPTIONAL = ("dbt-spark", "pyspark")
Found = dict[str, Any]
"""The figures of one run of a benchmark, as it wrote them."""


@dataclass(frozen=True)
class Line:
    """One row of the table.

    Attributes:
        benchmark: name of it as `dlm bench` calls it.
        what: what was timed.
        median: seconds.
        least: seconds of the quickest run.
        most: seconds of the slowest run.
        runs: how many were counted.
        peer: what it is held against.
        peer_median: seconds of the peer.
        peer_least: seconds of its quickest run.
        peer_most: seconds of its slowest run.
        peer_runs: how many of it were counted.
    """

    benchmark: str
    what: str
    median: float
    least: float
    most: float
    runs: int
    peer: str
    peer_median: float
    peer_least: float
    peer_most: float
    peer_runs: int

    def cells(self) -> tuple[str, ...]:
        """The row as text, with the ratio to the peer."""
        return (
            self.benchmark,
            self.what,
            f"{self.median:.2f}",
            _spread(self.least, self.most, self.runs),
            self.peer,
            f"{self.peer_median:.2f}",
            _spread(self.peer_least, self.peer_most, self.peer_runs),
            f"{self.median / self.peer_median:.2f}",
        )


def _spread(least: float, most: float, runs: int) -> str:
    """The quickest and slowest run, where there was more than one."""
    return f"{least:.2f} to {most:.2f}, {runs} runs" if runs > 1 else "one run"


def every(
    runs: int,
    rows: int,
    subjects: int,
    size: int,
    json_out: Path | None,
    with_spark: bool = False,
) -> int:
    """Run the benchmarks that time something, one after the other, and print one table.

    What cannot run here (R, Spark, too little room) is named below the table and not left out in
    silence.

    Args:
        runs: counted runs of each.
        rows: records of the benchmark of loading.
        subjects: subjects of the benchmark of survival.
        size: trials' worth of patients of the benchmarks of scale and synth.
        json_out: file for table and figures as JSON; None for none.
        with_spark: whether Spark is timed too: the benchmark of scale, and a build of the seeds.

    Returns:
        Exit code 0 when every benchmark ran, whatever it found; else 4.
    """
    repeating = ["--runs", str(runs)]
    asked: dict[str, tuple[int, list[str], Callable[[list[Found]], Iterable[Line]]]] = {
        "overhead": (1, repeating, _of_overhead),
        "checks": (1, repeating, _of_checks),
        "load": (1, [*repeating, "--rows", str(rows)], _of_load),
        "survival": (1, [*repeating, "--subjects", str(subjects)], _of_survival),
        "scale": (runs, ["--scale", str(size), *["--with-spark"] * with_spark], _of_scale),
        "synth": (runs, ["--scale", str(size), "--runs", "1"], _of_synth),
    }
    if with_spark:
        asked["parity"] = (1, [], _of_parity)
    lines: list[Line] = []
    figures: dict[str, list[Found]] = {}
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, (times, options, lines_of) in asked.items():
            found = []
            for run in range(times):
                file = Path(scratch) / f"{name}-{run}.json"
                print(f"dlm bench {name}", file=sys.stderr)
                done = subprocess.run(
                    [sys.executable, "-m", "dlm", "bench", name, *options, "--json", str(file)],
                    env=os.environ | {"PYTHONPATH": import_path()},
                    stdout=sys.stderr,
                    check=False,
                )
                if not file.is_file():
                    failed.append(f"{name} ended with {done.returncode}")
                    break
                found.append(json.loads(file.read_text(encoding="utf-8")))
            else:
                figures[name] = found
                lines += lines_of(found)
    about = machine()
    print("\n".join(table(about, lines)))
    for what in failed:
        print(f"not measured: {what}")
    if not shutil.which("Rscript"):
        print("not measured: R is not installed")
    if not with_spark:
        print("not measured: Spark (--with-spark)")
    if json_out:
        content = {"machine": about, "table": [asdict(line) for line in lines], "figures": figures}
        json_out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 4 if failed else 0


def machine() -> dict[str, str]:
    """The machine and the versions of what was measured on it."""
    about = {"system": platform.platform(), "processor": platform.processor() or "unknown"}
    information = Path("/proc/cpuinfo")
    if information.is_file():
        names = [
            line.partition(":")[2].strip()
            for line in information.read_text(encoding="utf-8").splitlines()
            if line.startswith("model name")
        ]
        about["processor"] = names[0] if names else about["processor"]
    about["cores"] = str(os.cpu_count())
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        size = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        about["memory"] = f"{size / 1e9:.0f} GB"
    about["python"] = platform.python_version()
    about |= {name: importlib.metadata.version(name) for name in _LIBRARIES}
    for name in _OPTIONAL:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            about[name] = importlib.metadata.version(name)
    if shutil.which("Rscript"):
        said = subprocess.run(
            ["Rscript", "-e", "cat(as.character(getRversion()))"],
            capture_output=True,
            text=True,
            check=False,
        )
        about["R"] = said.stdout or "unknown"
    return about


def table(about: dict[str, str], lines: Iterable[Line]) -> Iterator[str]:
    """The machine and the table as Markdown."""
    yield ", ".join(f"{name} {value}" for name, value in about.items())
    yield ""
    yield "| benchmark | what | median s | spread s | peer | median s | spread s | times the peer |"
    yield "|---|---|---|---|---|---|---|---|"
    for line in lines:
        yield "| " + " | ".join(line.cells()) + " |"


def _line(
    benchmark: str, what: str, seconds: list[float], peer: str, peer_seconds: list[float]
) -> Line:
    return Line(
        benchmark,
        what,
        statistics.median(seconds),
        min(seconds),
        max(seconds),
        len(seconds),
        peer,
        statistics.median(peer_seconds),
        min(peer_seconds),
        max(peer_seconds),
        len(peer_seconds),
    )


def _of_overhead(found: list[Found]) -> Iterator[Line]:
    seconds = found[0]["seconds"]
    for peer in [name for name in seconds if name != "dlm build"]:
        yield _line("overhead", "dlm build", seconds["dlm build"], peer, seconds[peer])


def _of_load(found: list[Found]) -> Iterator[Line]:
    seconds = {who: [run["seconds"] for run in each] for who, each in found[0]["runs"].items()}
    what = f"load {found[0]['rows']:,} records"
    yield _line("load", what, seconds["dlm"], "DuckDB read_csv", seconds["read_csv"])


def _of_survival(found: list[Found]) -> Iterator[Line]:
    measured = found[0]["measured"]
    for who, other in measured.items():
        if who != "dlm":
            for task, seconds in other["seconds"].items():
                # the first run warms up, where there are more
                mine = measured["dlm"]["seconds"][task]
                what = f"{task}, subjects {found[0]['subjects']:,}"
                yield _line("survival", what, mine[1:] or mine, who, seconds[1:] or seconds)


def _of_checks(found: list[Found]) -> Iterator[Line]:
    wall = {which: [run[0] for run in each] for which, each in found[0]["runs"].items()}
    yield _line("checks", "dlm build", wall["with"], "without checks", wall["without"])


def _of_scale(found: list[Found]) -> Iterator[Line]:
    def together(*stages: str) -> list[float]:
        return [sum(run["seconds"][stage] for stage in stages) for run in found]

    def on_one_core(who: str) -> list[float]:
        return [run["records"] / run["records_per_second_and_core"][who] for run in found]

    what = f"load to concordance, {found[0]['records']:,} records"
    counted = together("load", "staging", "core", "concordance")
    yield _line("scale", what, counted, "hand-written script", [run["floor_s"] for run in found])
    checked, derived = together("rules", "Great Expectations"), together("staging", "core")
    yield _line("scale", "rules and Great Expectations", checked, "staging and core", derived)
    pandas = "pandas, clean forms in memory, derivation alone"
    what = "staging to concordance, core seconds reckoned from the rate"
    yield _line("scale", what, on_one_core("DuckDB"), pandas, on_one_core("pandas"))
    if "Spark" in found[0]["records_per_second_and_core"]:
        yield _line("scale", what, on_one_core("DuckDB"), "a Spark session", on_one_core("Spark"))


def _of_parity(found: list[Found]) -> Iterator[Line]:
    seconds = found[0]["seconds"]
    what = "dlm build --target spark, starting Java included"
    yield _line("parity", what, [seconds["spark"]], "dlm build", [seconds["duckdb"]])


def _of_synth(found: list[Found]) -> Iterator[Line]:
    what = f"synth, {found[0]['records']:,} records of CSV"
    read = [statistics.median(run["read_csv_s"]) for run in found]
    yield _line("synth", what, [run["synth_s"] for run in found], "DuckDB read_csv", read)
