"""Writing a large synthetic trial beside DuckDB reading the same CSV, in time and in memory."""

from __future__ import annotations

import contextlib
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from dlm import engine
from dlm.errors import DlmError, UsageError
from dlm.project import find_places, import_path
from dlm.scratch import scratch_folder
from dlm.sql_text import escaped
from dlm.synthetic import STREAMED_FROM, registered
from dlm.synthetic.streaming import BYTES_A_PATIENT

MOST_TIMES, MOST_BYTES = 4, 4e9
_LOOK_EVERY = 1.0


def synth(size: int, seed: int, runs: int, json_out: Path | None) -> int:
    """Time ``dlm synth --format csv`` and DuckDB's ``read_csv`` of what it wrote.

    Args:
        size: trials' worth of patients, from 50: smaller ones are written in other encodings.
        seed: seed of the trial.
        runs: how often DuckDB reads it.
        json_out: file for the figures as JSON; None for none.

    Returns:
        Exit code 0; 1 where writing takes more than four times reading, or its processes together
        more than 4 GB.

    Raises:
        UsageError: the trial is too small.
        DlmError: there is no room, or the trial could not be written.
    """
    if size < STREAMED_FROM:
        raise UsageError(f"--scale is a whole number from {STREAMED_FROM} here")
    with scratch_folder() as folder:
        patients = registered(seed, size)
        # The files, and the table they are read into.
        engine.refuse_without_room(folder, 2 * patients * BYTES_A_PATIENT["csv"], engine.TEMP)
        command = [sys.executable, "-m", "dlm", "synth", "--seed", str(seed), "--scale", str(size)]
        command += ["--format", "csv", "--out", str(folder / "trial")]
        started = time.perf_counter()
        with subprocess.Popen(
            command,
            env=os.environ
            | {
                "DLM_PROJECT": str(find_places().project),
                "PYTHONPATH": import_path(),
            },
            stdout=subprocess.DEVNULL,
        ) as process:
            peak = 0
            while process.returncode is None:
                peak = max(peak, memory_of(process.pid))
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(_LOOK_EVERY)
        wrote = time.perf_counter() - started
        if process.returncode:
            raise DlmError(f"dlm synth ended with {process.returncode}")
        files = sorted((folder / "trial").glob("*/*.csv"))
        size_bytes = sum(file.stat().st_size for file in files)
        readings = []
        for _ in range(runs):
            took, records = _read(files, folder / "read.duckdb")
            readings.append(took)
    read = statistics.median(readings)
    print("| what | seconds | times reading |\n|---|---|---|")
    print(f"| dlm synth | {wrote:.1f} | {wrote / read:.2f} |")
    print(f"| DuckDB read_csv, median of {runs} | {read:.1f} | 1 |")
    told = f"{peak / 1e6:,.0f} MB (at most 4,000)" if peak else "not told by this system"
    print(f"\n{records:,} records, {size_bytes / 1e6:,.0f} MB of CSV; writing may take 4 times")
    print(f"memory of all processes that write, looked at once a second: {told}")
    if json_out:
        found = {
            "scale": size,
            "patients": patients,
            "records": records,
            "bytes": size_bytes,
            "synth_s": wrote,
            "read_csv_s": readings,
            "ratio": wrote / read,
            "peak_mb": peak / 1e6,
        }
        json_out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(wrote > MOST_TIMES * read or peak > MOST_BYTES)


def _read(files: list[Path], database: Path) -> tuple[float, int]:
    """Seconds to read every file into a table of a new database, and the records in all."""
    database.unlink(missing_ok=True)
    records = 0
    started = time.perf_counter()
    connection = engine.connect(database, part=engine.MAIN_SHARE)
    for number, file in enumerate(files):
        connection.execute(
            f"create table t{number} as from read_csv('{escaped(file)}', all_varchar = true, "
            "header = true)"
        )
    connection.execute("checkpoint")
    took = time.perf_counter() - started
    for number in range(len(files)):
        records += connection.execute(f"select count(*) from t{number}").fetchall()[0][0]
    connection.close()
    return took, records


def memory_of(process: int) -> int:
    """Bytes a process and all it started hold now, shared pages once; 0 where nothing tells."""
    total = 0
    waiting = [process]
    while waiting:
        pid = waiting.pop()
        folder = Path("/proc") / str(pid)
        try:
            for thread in (folder / "task").iterdir():
                waiting += map(int, (thread / "children").read_text().split())
            for line in (folder / "smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1]) * 1024
        except OSError:  # it has ended meanwhile, or the system has no such folder
            continue
    return total
