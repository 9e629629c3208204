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
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import duckdb

from dlm.contracts import load_contracts
from dlm.deliveries import LOAD_MEMORY
from dlm.errors import DlmError, UsageError
from dlm.parity import TOLERANCE, compare
from dlm.project import import_path
from dlm.spark import SESSION, missing_parts
from dlm.synthetic import registered, write_trial
from dlm.synthetic.skew import gather_lesions
from dlm.synthetic.streaming import stream_trial
from dlm.usage import peak_mb

_WITHOUT_UNIT_TESTS = "dbt build without unit tests"
_SHORT = (("--help",), ("sql", "from marts.modality_concordance"), ("queries", "list"))
_SHORT_RUNS, _SHORT_MOST = 5, 0.5
"""Calls of a command that people wait for, and the processor time it stays below."""
_DEAD = {"VIABLE": "0", "PCTVIAB": "0", "PCTNECR": "0", "PCTFIBR": "100", "PCTMUC": "0", "TRG": "1"}


def overhead(project: Path, runs: int, json_out: Path | None) -> int:
    """Time ``dlm build`` against plain ``dbt build`` after one pathology verdict was changed.

    Plain dbt runs as it is called, unit tests included, which is what ``dlm build`` is held to; and
    without them, which says what checks, figures, pages and files take beyond models and data
    tests. All work in a copy of the project, in turn, each with warm parse caches; wall time
    of the whole process, medians. Then the processor time of commands that people wait for, on what
    was built.

    Args:
        project: the project to copy.
        runs: counted runs of each.
        json_out: file for the figures as JSON; None for none.

    Returns:
        Exit code 0; 1 where dlm build takes longer than dbt build, or a short command 0.5 s of
        processor time; 4 where a command failed, or ``dlm build`` ran no expectation.
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
            "PYTHONPATH": os.pathsep.join([str(copy / "python"), import_path()]),
        }
        plain = [
            sys.executable, "-m", "dbt.cli.main", "build", "--project-dir", ".",
            "--profiles-dir", "profiles", "--no-version-check", "--quiet",
        ]  # fmt: skip
        commands = {
            "dbt build": plain,
            _WITHOUT_UNIT_TESTS: [*plain, "--exclude", "resource_type:unit_test"],
            "dlm build": [sys.executable, "-m", "dlm", "build", "--quiet"],
        }
        times: dict[str, list[float]] = {name: [] for name in commands}
        for run in range(runs + 1):
            _change_one_verdict(copy / "seeds" / "eortc" / "eortc__pathology.csv")
            for name, command in commands.items():
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
        with duckdb.connect(str(copy / "build/dlm/warehouse.duckdb"), read_only=True) as built:
            ((expected,),) = built.execute("select count(*) from quality.gx_results").fetchall()
        if not expected:
            print("error: dlm build ran no expectation", file=sys.stderr)
            return 4
        short = {
            " ".join(words): _processor_seconds([sys.executable, "-m", "dlm", *words], environment)
            for words in _SHORT
        }
    medians = {name: statistics.median(values) for name, values in times.items()}
    ratios = {
        name: medians["dlm build"] / medians[name] for name in ("dbt build", _WITHOUT_UNIT_TESTS)
    }
    print("| command | median s | least s | most s |\n|---|---|---|---|")
    for name, values in times.items():
        print(f"| {name} | {medians[name]:.1f} | {min(values):.1f} | {max(values):.1f} |")
    print()
    for name, ratio in ratios.items():
        aim = " (at most 1)" if name == "dbt build" else ""
        print(f"dlm build / {name}: {ratio:.2f}{aim}")
    print(f"{expected} expectations each time")
    print(f"\n| command | processor s, median of {_SHORT_RUNS} (below {_SHORT_MOST}) |\n|---|---|")
    for command_line, seconds in short.items():
        print(f"| dlm {command_line} | {seconds:.2f} |")
    if json_out:
        found = {"seconds": times, "ratios": ratios, "processor_s": short}
        json_out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(ratios["dbt build"] > 1 or max(short.values()) >= _SHORT_MOST)


def _processor_seconds(command: Sequence[str], environment: dict[str, str]) -> float:
    """Processor time of a command, the median of some calls."""
    taken = []
    for _ in range(_SHORT_RUNS):
        before = os.times()
        subprocess.run(command, env=environment, capture_output=True, check=True)
        after = os.times()
        taken.append(
            after.children_user + after.children_system
            - before.children_user - before.children_system
        )  # fmt: skip
    return statistics.median(taken)


def parity(
    project: Path,
    seed: int | None,
    scale: int,
    json_out: Path | None,
    spark: str = SESSION,
    gathered: int = 0,
) -> int:
    """Build the same input on DuckDB and on Spark and compare every table of the two warehouses.

    Args:
        project: the project whose seeds are built, unless a seed is given.
        seed: build a synthetic delivery of this seed instead of the committed seeds.
        scale: its size in trials' worth of patients.
        json_out: file for the comparison as JSON; None for none.
        spark: target of the profile that reaches Spark.
        gathered: patients of each source of a synthetic delivery whose lesions one patient gets.

    Returns:
        Exit code 0 when every table is equal, 1 when one is not, 4 when a build failed.

    Raises:
        UsageError: a library of that target or Java is missing.
    """
    missing = missing_parts(spark)
    if missing:
        raise UsageError(f"parity cannot be tried here: {missing}")
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        environment = os.environ | {"DLM_PROJECT": str(project)}
        source: list[str] = []
        if seed is not None:
            source = ["--deliveries", str(folder / "trial"), "--received", "2022-01-31"]
            # faults are wanted here, and the S1 queries about them hold nothing up
            source.append("--for-comparison")
            if gathered:
                patients = registered(seed, scale)
                stream_trial(seed, patients, folder / "trial", "parquet", "natural")
                gather_lesions(folder / "trial", gathered)
            else:
                write_trial(seed, scale, folder / "trial", "delivery", "few")
        seconds = {}
        for target in ("duckdb", spark):
            command = [sys.executable, "-m", "dlm", "build", "--quiet", "--target", target]
            command += ["--out", str(folder / target), *source]
            started = time.perf_counter()
            done = subprocess.run(
                command,
                env=environment | {"DLM_STATE": str(folder / f"state-{target}")},
                capture_output=True,
                text=True,
                check=False,
            )
            seconds[target] = time.perf_counter() - started
            if done.returncode:
                print(done.stdout + done.stderr, file=sys.stderr)
                print(f"error: the build on {target} ended with {done.returncode}", file=sys.stderr)
                return 4
            print(f"{target}: {seconds[target]:.1f} s", file=sys.stderr)
        tables = compare(
            folder / "duckdb" / "warehouse.duckdb", folder / spark / "warehouse.duckdb"
        )
    print("| table | rows on DuckDB | rows on Spark | differing rows | detail |")
    print("|---|---|---|---|---|")
    for table in tables:
        rows = [("absent" if count is None else count) for count in table.rows]
        differing = "not compared" if table.differing is None else table.differing
        print(f"| {table.table} | {rows[0]} | {rows[1]} | {differing} | {table.detail} |")
    unequal = [table.table for table in tables if not table.equal]
    print(f"\n{len(tables) - len(unequal)} of {len(tables)} tables equal (doubles to {TOLERANCE})")
    if json_out:
        content = {"seconds": seconds, "tables": [asdict(table) for table in tables]}
        json_out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 1 if unequal else 0


def load(rows: int, runs: int, json_out: Path | None) -> int:
    """Time the strict loader against DuckDB's own ``read_csv`` on one clean file.

    Both read the same file into a table of a new database file, in turn, each in a process of its
    own; the clock runs from opening the database to its closing, checkpoint included. DuckDB's
    reader gets its delimiter, header and types told, and keeps neither line nor hash.

    Args:
        rows: records of the file, which is the same on every run for a number of rows.
        runs: counted runs of each; one more warms the file cache.
        json_out: file for the figures as JSON; None for none.

    Returns:
        Exit code 0, or 1 where the loader reaches less than a third of the peer's rate or takes
        more than 1 GB.
    """
    with tempfile.TemporaryDirectory() as scratch:
        file = Path(scratch) / "read.csv"
        _write_clean_reads(file, rows)
        size = file.stat().st_size
        print(f"{rows} records, {size / 1e6:.0f} MB", file=sys.stderr)
        measured: dict[str, list[dict[str, float]]] = {"read_csv": [], "dlm": []}
        for run in range(runs + 1):
            for who, each in measured.items():
                database = Path(scratch) / f"{who}.duckdb"
                database.unlink(missing_ok=True)
                done = subprocess.run(
                    [sys.executable, "-m", "dlm.bench", who, str(file), str(database)],
                    env=os.environ | {"PYTHONPATH": import_path()},
                    capture_output=True,
                    text=True,
                    check=False,
                )
                if done.returncode:
                    print(f"error: {who} ended with {done.returncode}", file=sys.stderr)
                    print(done.stderr, file=sys.stderr)
                    return 4
                figures = json.loads(done.stdout)
                if run:
                    each.append(figures)
                print(f"run {run or 'warm-up'}: {who} {figures['seconds']:.2f} s", file=sys.stderr)
    print("| reader | median s | least s | most s | rows/s | CPU s / s | peak MB |")
    print("|---|---|---|---|---|---|---|")
    rate = {}
    for who, each in measured.items():
        seconds = [figures["seconds"] for figures in each]
        rate[who] = rows / statistics.median(seconds)
        cores = statistics.median(figures["cpu"] / figures["seconds"] for figures in each)
        print(
            f"| {who} | {statistics.median(seconds):.2f} | {min(seconds):.2f} | {max(seconds):.2f} "
            f"| {rate[who]:,.0f} | {cores:.2f} | {max(figures['peak'] for figures in each):.0f} |"
        )
    ratio = rate["dlm"] / rate["read_csv"]
    peak = max(figures["peak"] for figures in measured["dlm"])
    print(f"\ndlm / read_csv: {ratio:.2f} (at least 0.33); peak {peak:.0f} MB (below 1000)")
    if json_out:
        found = {"rows": rows, "bytes": size, "runs": measured, "ratio": ratio, "peak_mb": peak}
        json_out.write_text(json.dumps(found, indent=1) + "\n")
    return 0 if ratio >= 1 / 3 and peak < 1000 else 1


def _write_clean_reads(file: Path, rows: int) -> None:
    """A clean European reads file: ten lesions a patient, sixteen reads a lesion."""
    import duckdb

    headers = [column.header for column in load_contracts()["eortc"].forms["read"].columns]
    values = [
        "format('EU{:02d}-{:04d}', i // 160 % 6 + 1, i // 960)",
        "i // 16 % 10 + 1", "i % 4 + 1", "i // 4 % 4 + 1",
        "strftime(date '2017-01-01' + (i * 7919 % 2000)::integer, '%d/%m/%Y')",
        "i * 31 % 3 + 1", "null", "format('{},{}', i * 17 % 60, i % 10)", "1",
        "format('EU{:02d}-R{}', i // 160 % 6 + 1, i % 3 + 1)",
        "1", "1", "i * 13 % 2", "case when i % 11 = 0 then 'motion artefacts in phase 3' end",
        "1", "i % 5 + 1",
    ]  # fmt: skip
    columns = ", ".join(
        f'{value} as "{header}"' for value, header in zip(values, headers, strict=True)
    )
    connection = duckdb.connect(config={"memory_limit": "500MB"})
    connection.execute(
        f"copy (select {columns} from range({rows}) as numbers (i)) to '{file}' "
        "(delimiter ';', header true)"
    )
    connection.close()


def _load_once(who: str, file: Path, database: Path) -> dict[str, float]:
    """One timed load in this process; peak is its memory in MB (0 where the system tells none)."""
    import duckdb

    from dlm.reading import read_file
    from dlm.reading.store import create_table

    contract = load_contracts()["eortc"]
    spec = next(spec for spec in contract.file_specs() if spec.stem == "read")
    started, cpu = time.perf_counter(), time.process_time()
    connection = duckdb.connect(str(database))
    if who == "dlm":
        connection.execute(f"set memory_limit = '{LOAD_MEMORY}MB'")
        connection.execute("create schema raw")
        create_table(connection, spec)
        if not read_file(file, "eortc/read.csv", spec, contract, connection, "bench").fast:
            raise DlmError("the fast path did not take a clean file")
    else:
        connection.execute(
            f"create table read as from read_csv('{file}', all_varchar = true, delim = ';', "
            "header = true)"
        )
    connection.close()
    return {
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
        "peak": peak_mb(),
    }


def _change_one_verdict(path: Path) -> None:
    """Make the first viable specimen of the file a dead one, in all that its record says of it."""
    with path.open(encoding="utf-8", newline="") as handle:
        rows = list(csv.reader(handle, delimiter=";"))
    row = next(row for row in rows[1:] if row[rows[0].index("VIABLE")] == "1")
    for column, value in _DEAD.items():
        row[rows[0].index(column)] = value
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, delimiter=";", lineterminator="\n").writerows(rows)


if __name__ == "__main__":
    print(json.dumps(_load_once(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))))
