"""Every benchmark of the project in one table, with the machine and the versions it was run on."""

from __future__ import annotations

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

_LIBRARIES = ("duckdb", "dbt-core", "dbt-duckdb", "pandas", "numpy", "pyarrow", "lifelines")
Found = dict[str, Any]


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
        peer_median: seconds of the peer; None where there is none.
    """

    benchmark: str
    what: str
    median: float
    least: float
    most: float
    runs: int
    peer: str = ""
    peer_median: float | None = None

    def cells(self) -> tuple[str, ...]:
        """The row as text, with the ratio to the peer."""
        peer = "" if self.peer_median is None else f"{self.peer_median:.2f}"
        ratio = f"{self.median / self.peer_median:.2f}" if self.peer_median else ""
        spread = f"{self.least:.2f} to {self.most:.2f}"
        return (self.benchmark, self.what, f"{self.median:.2f}", spread, self.peer, peer, ratio)


def every(runs: int, rows: int, subjects: int, size: int, json_out: Path | None) -> int:
    """Run the benchmarks that time something, one after the other, and print one table.

    What cannot run here (R, Spark, too little room) is named below the table and not left out in
    silence.

    Args:
        runs: counted runs of each, where a benchmark repeats.
        rows: records of the benchmark of loading.
        subjects: subjects of the benchmark of survival.
        size: trials' worth of patients of the benchmarks of scale and synth.
        json_out: file for table and figures as JSON; None for none.

    Returns:
        Exit code 0 when every benchmark ran, whatever it found; else 4.
    """
    asked: dict[str, tuple[list[str], Callable[[Found], Iterable[Line]]]] = {
        "overhead": (["--runs", str(runs)], _of_overhead),
        "checks": (["--runs", str(runs)], _of_checks),
        "load": (["--runs", str(runs), "--rows", str(rows)], _of_load),
        "survival": (["--runs", str(runs), "--subjects", str(subjects)], _of_survival),
        "scale": (["--scale", str(size)], _of_scale),
        "synth": (["--scale", str(size)], _of_synth),
    }
    lines: list[Line] = []
    figures: dict[str, Any] = {}
    failed = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, (options, lines_of) in asked.items():
            file = Path(scratch) / f"{name}.json"
            print(f"dlm bench {name}", file=sys.stderr)
            done = subprocess.run(
                [sys.executable, "-m", "dlm", "bench", name, *options, "--json", str(file)],
                env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
                stdout=sys.stderr,
                check=False,
            )
            if not file.is_file():
                failed.append(f"{name} ended with {done.returncode}")
                continue
            figures[name] = json.loads(file.read_text(encoding="utf-8"))
            lines += lines_of(figures[name])
    about = machine()
    print("\n".join(table(about, lines)))
    for what in failed:
        print(f"not measured: {what}")
    if not shutil.which("Rscript"):
        print("not measured: R is not installed")
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
    return about | {name: importlib.metadata.version(name) for name in _LIBRARIES}


def table(about: dict[str, str], lines: Iterable[Line]) -> Iterator[str]:
    """The machine and the table as Markdown."""
    yield ", ".join(f"{name} {value}" for name, value in about.items())
    yield ""
    yield "| benchmark | what | median s | least to most s | peer | peer s | times the peer |"
    yield "|---|---|---|---|---|---|---|"
    for line in lines:
        yield "| " + " | ".join(line.cells()) + " |"


def _line(benchmark: str, what: str, seconds: list[float], peer: str, peer_s: Any = None) -> Line:
    other = statistics.median(peer_s) if isinstance(peer_s, list) else peer_s
    return Line(
        benchmark,
        what,
        statistics.median(seconds),
        min(seconds),
        max(seconds),
        len(seconds),
        peer,
        other,
    )


def _of_overhead(found: Found) -> Iterator[Line]:
    seconds = found["seconds"]
    yield _line("overhead", "dlm build", seconds["dlm build"], "dbt build", seconds["dbt build"])


def _of_load(found: Found) -> Iterator[Line]:
    seconds = {who: [figures["seconds"] for figures in each] for who, each in found["runs"].items()}
    what = f"load {found['rows']:,} records"
    yield _line("load", what, seconds["dlm"], "DuckDB read_csv", seconds["read_csv"])


def _of_survival(found: Found) -> Iterator[Line]:
    mine = found["measured"]["dlm"]
    for who, other in found["measured"].items():
        if who != "dlm":
            for task, median in other["median"].items():
                # the first run warms up, where there are more
                counted = mine["seconds"][task][1:] or mine["seconds"][task]
                yield _line(
                    "survival", f"{task}, subjects {found['subjects']:,}", counted, who, median
                )


def _of_checks(found: Found) -> Iterator[Line]:
    wall = {which: [run[0] for run in each] for which, each in found["runs"].items()}
    yield _line("checks", "dlm build", wall["with"], "without checks", wall["without"])


def _of_scale(found: Found) -> Iterator[Line]:
    seconds = found["seconds"]
    counted = sum(seconds[name] for name in ("load", "staging", "core", "concordance"))
    what = f"load to concordance, {found['records']:,} records"
    yield _line("scale", what, [counted], "hand-written script", found["floor_s"])
    checked = seconds["rules"] + seconds["Great Expectations"]
    derived = seconds["staging"] + seconds["core"]
    yield _line("scale", "rules and Great Expectations", [checked], "staging and core", derived)
    rates = found["records_per_second_and_core"]
    mine, pandas = (found["records"] / rates[who] for who in ("DuckDB", "pandas"))
    yield _line("scale", "derivation, one core", [mine], "pandas, clean forms in memory", pandas)


def _of_synth(found: Found) -> Iterator[Line]:
    what = f"synth, {found['records']:,} records of CSV"
    yield _line("synth", what, [found["synth_s"]], "DuckDB read_csv", found["read_csv_s"])
