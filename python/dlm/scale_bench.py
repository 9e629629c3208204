"""Stages of a large build beside a floor: one hand-written DuckDB script from the same files.

``python -m dlm.scale_bench stages|checks|floor ...`` measures one part in a process of its own and
prints its figures as JSON; ``scale`` runs them all.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from dlm import deliveries, engine, usage, warehouse
from dlm.errors import DlmError, UsageError
from dlm.history import write_history
from dlm.parity import doubles_differ
from dlm.project import Places, find_places, import_path
from dlm.scratch import scratch_folder
from dlm.spark import missing_parts, run_on_spark
from dlm.sql_text import escaped
from dlm.synthetic import draw_trial, registered
from dlm.synthetic.streaming import stream_trial
from dlm.synthetic.truth import derive
from dlm.workflow import inputs
from dlm.workflow.standing import Known

ASSETS = Path(__file__).parent / "assets"
_ROOM_A_PATIENT = 30_000
"""Bytes a patient that the benchmark takes: trial, store, work database, floor, spilled data."""
_PANDAS_TRIALS = 20
"""Of a large trial, what pandas derives: it takes its memory all at once."""
RECEIVED = date(2024, 12, 31)
STAGES: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("staging", "build", ("path:seeds", "path:models/staging")),
    ("core", "run", ("+path:models/core",)),
    ("concordance", "run", ("+modality_concordance",)),
    ("marts", "run", ("+path:models/marts/*/*.sql",)),
    ("rules", "run", ("+path:models/quality/rules",)),
    ("accounts and workflow", "run", ("path:models",)),
    ("data tests", "test", ()),
)
"""What dbt does in which order: a stage builds what it needs and no stage before it has built."""
_JUDGING = "judging and storing the delivery"
_COUNTED = ("load", "staging", "core", "concordance")


def scale(size: int, seed: int, json_out: Path | None, with_spark: bool = False) -> int:
    """Time the stages of a build at scale against the floor, and compare their results.

    Args:
        size: trials' worth of patients.
        seed: seed of the trial.
        json_out: file for the figures as JSON; None for none.
        with_spark: whether staging, core and concordance are timed in a Spark session too.

    Returns:
        Exit code 0; 1 where the results differ, the counted stages take more than twice the floor,
        or the rules and Great Expectations more than staging and core.

    Raises:
        UsageError: Spark is asked for and not there.
    """
    if with_spark and (missing := missing_parts()):
        raise UsageError(f"Spark cannot be timed here: {missing}")
    with scratch_folder() as folder:
        patients = registered(seed, size)
        engine.refuse_without_room(folder, patients * _ROOM_A_PATIENT, engine.TEMP)
        started = time.perf_counter()
        records = stream_trial(seed, patients, folder / "trial", "parquet", "natural")
        synthesis = time.perf_counter() - started
        _say(f"{patients:,} patients, {records:,} records written in {synthesis:.0f} s")
        environment = {"DLM_STATE": str(folder / "state"), "DLM_OUT": str(folder / "out")}
        figures = {
            "stages": _measured(("stages", str(folder / "trial")), environment),
            "checks": _measured(("checks", str(folder / "out" / "work.duckdb")), environment),
            "floor": _measured(
                ("floor", str(folder / "trial"), str(folder / "floor.duckdb")), environment
            ),
            "pandas": _measured(("pandas", str(seed), str(min(size, _PANDAS_TRIALS))), environment),
        }
        if with_spark:
            beside = {"DLM_OUT": str(folder / "spark")}
            figures["spark"] = _measured(("spark",), environment | beside)
        differing = differences(folder / "out" / "work.duckdb", folder / "floor.duckdb")
    stages = figures["stages"]["seconds"] | figures["checks"]["seconds"]
    floor = figures["floor"]["seconds"]["floor"]
    counted = sum(stages[name] for name in _COUNTED)
    taken = counted + stages[_JUDGING]
    checks = stages["rules"] + stages["Great Expectations"]
    derived = stages["staging"] + stages["core"]
    print("| stage | seconds | times the floor |\n|---|---|---|")
    for name, seconds in stages.items():
        print(f"| {name} | {seconds:.1f} | {seconds / floor:.2f} |")
    print(f"| floor | {floor:.1f} | 1 |")
    print(
        f"\n{', '.join(_COUNTED)}: {counted:.1f} s, {counted / floor:.2f} times the floor (at most "
        f"2), {taken / floor:.2f} with taking the delivery, which is done once; rules and Great "
        f"Expectations: {checks / derived:.2f} times staging and core (at most 1)"
    )
    peak = {name: one["peak_mb"] for name, one in figures.items()}
    cpu = {name: one["cpu_s"] for name, one in figures.items()}
    print("peak MB: " + ", ".join(f"{name} {mb:.0f}" for name, mb in peak.items()))
    print("CPU s: " + ", ".join(f"{name} {took:.0f}" for name, took in cpu.items()))
    cores = os.cpu_count() or 1
    rates = {"DuckDB": records / (counted - stages["load"]) / cores}
    rates["pandas"] = figures["pandas"]["records"] / figures["pandas"]["seconds"]["derivation"]
    if with_spark:
        rates["Spark"] = records / figures["spark"]["seconds"]["staging to concordance"] / cores
    told = ", ".join(f"{who} {rate:,.0f}" for who, rate in rates.items())
    print(f"records per second and core, staging to concordance: {told} (pandas: forms already")
    print("read, clean and in memory; the derivation alone, on one core)")
    print("results equal" if not differing else f"results differ: {', '.join(differing)}")
    if json_out:
        found = {
            "scale": size,
            "patients": patients,
            "records": records,
            "synthesis_s": synthesis,
            "seconds": stages,
            "floor_s": floor,
            "ratio": counted / floor,
            "ratio_with_taking_the_delivery": taken / floor,
            "checks_ratio": checks / derived,
            "peak_mb": peak,
            "cpu_s": cpu,
            "records_per_second_and_core": rates,
            "differing": differing,
        }
        json_out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return int(bool(differing) or counted > 2 * floor or checks > derived)


def _say(text: str) -> None:
    print(text, file=sys.stderr)


def _measured(arguments: Sequence[str], environment: dict[str, str]) -> dict[str, Any]:
    """The figures of one part, measured in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "dlm.scale_bench", *arguments],
        env=os.environ
        | environment
        | {"DLM_PROJECT": str(find_places().project), "PYTHONPATH": import_path()},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise DlmError(f"the part {arguments[0]} of the benchmark ended with {done.returncode}")
    figures: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    _say(f"{arguments[0]}: {sum(figures['seconds'].values()):.1f} s")
    return figures


def stages(trial: Path) -> dict[str, float]:
    """Seconds of each stage of a build, from taking the delivery to the data tests.

    A stage of dbt is timed from the first to the last model; parsing is not in it.
    """
    places = find_places()
    places.out.mkdir(parents=True, exist_ok=True)
    seconds = {}
    started = time.perf_counter()
    deliveries.receive(trial, places.state, RECEIVED)
    seconds[_JUDGING] = time.perf_counter() - started
    started = time.perf_counter()
    _load(places)
    seconds["load"] = time.perf_counter() - started
    # As a build judges it: by what was loaded.
    pace = warehouse.pace_of(places.work)
    built: list[str] = []
    for name, command, select in STAGES:
        outcomes = warehouse.run_dbt(
            places.project,
            places.work,
            places.out / ".dbt",
            {"loaded_by_dlm": True},
            command=command,
            select=select,
            exclude=() if command == "test" else (*built, "test_type:data"),
            pace=pace,
        )
        bad = [f"{outcome.name}: {outcome.message}" for outcome in outcomes if outcome.is_bad]
        if bad:
            raise DlmError("; ".join(bad))
        if command != "test":
            built += [outcome.name for outcome in outcomes]
        results = json.loads((places.out / ".dbt" / "target" / "run_results.json").read_text())
        seconds[name] = float(results["elapsed_time"])
    return seconds


def _load(places: Places) -> None:
    """Load what the store holds into an empty work database, as a build does."""
    items, origins = deliveries.stored_files(places.state, None)
    connection = engine.connect(places.work, part=engine.MAIN_SHARE)
    loaded = deliveries.load_raw(connection, items, origins)
    write_history(connection, [])
    inputs.fill(
        connection,
        places.project,
        places.state,
        Known("store", None),
        [],
        [f"{file.name} {file.sha256}" for file in loaded],
        RECEIVED,
    )
    connection.close()


def on_spark() -> dict[str, float]:
    """Seconds from the first model of staging to modality_concordance, in a Spark session.

    The store holds the delivery already; starting Spark and handing over the inputs are not in it.
    """
    places = find_places()
    places.out.mkdir(parents=True, exist_ok=True)
    _load(places)
    run_on_spark(
        places.project,
        places.work,
        places.out / ".dbt",
        {"loaded_by_dlm": True},
        lambda done, total, name: None,
        exclude=("test_type:data",),
        select=("path:models/staging", "+path:models/core", "+modality_concordance"),
    )
    results = json.loads((places.out / ".dbt" / "target" / "run_results.json").read_text())
    spans = [
        [datetime.fromisoformat(timing[end]) for end in ("started_at", "completed_at")]
        for result in results["results"]
        for timing in result["timing"]
    ]
    begun, ended = min(span[0] for span in spans), max(span[1] for span in spans)
    return {"staging to concordance": (ended - begun).total_seconds()}


def in_pandas(seed: int, size: int) -> tuple[dict[str, float], int]:
    """Seconds that pandas takes for the same derivation, and the records it is made from.

    The forms are in memory, typed and clean: nothing is read and no habit of a source removed.
    """
    reference = find_places().project / "seeds" / "reference"
    sites = pd.read_csv(reference / "ref_sites.csv", dtype=str, keep_default_na=False)
    tables = draw_trial(seed, size, sites, _say)
    started = time.perf_counter()
    derive(tables)
    seconds = time.perf_counter() - started
    return {"derivation": seconds}, sum(map(len, tables.values()))


def checks(work: Path) -> dict[str, float]:
    """Seconds of Great Expectations on a built work database, its import left out."""
    from dlm.quality.checks import prepare, run_expectations

    prepare()
    with (
        tempfile.TemporaryDirectory() as out,
        engine.connect(work, read_only=True, part=engine.MAIN_SHARE) as connection,
    ):
        started = time.perf_counter()
        run_expectations(connection, Path(out))
        return {"Great Expectations": time.perf_counter() - started}


def floor(trial: Path, database: Path) -> dict[str, float]:
    """Seconds of the hand-written script from the files to its two tables."""
    from scipy import stats

    reference = find_places().project / "seeds" / "reference"
    script = (ASSETS / "floor.sql").read_text(encoding="utf-8")
    for name, path in (
        ("$folder", trial),
        ("$codes", reference / "ref_codelists.csv"),
        ("$sites", reference / "ref_sites.csv"),
    ):
        script = script.replace(name, escaped(path))
    started = time.perf_counter()
    connection = engine.connect(database, part=engine.MAIN_SHARE)
    connection.execute(script)
    # DuckDB has no quantile of Student's t.
    wanted = connection.execute(
        "select distinct n_patients - 1 from sums where n_patients > 1"
    ).fetchall()
    z = float(stats.norm.ppf(0.975))
    connection.execute("create temp table t_quantiles (df bigint, t double)")
    connection.executemany(
        "insert into t_quantiles values (?, ?)",
        [[df, float(stats.t.ppf(0.975, df))] for (df,) in wanted] or [[0, None]],
    )
    last = (ASSETS / "floor_concordance.sql").read_text(encoding="utf-8")
    connection.execute(last.replace("$z", repr(z)))
    connection.close()
    return {"floor": time.perf_counter() - started}


def differences(work: Path, floor_database: Path) -> list[str]:
    """Columns in which the floor's tables differ from the build's: `table.column (rows)`."""
    found = []
    with engine.connect(beside=floor_database) as connection:
        connection.execute(f"attach '{escaped(work)}' as built (read_only)")
        connection.execute(f"attach '{escaped(floor_database)}' as floor (read_only)")
        for table, keys in (
            ("core.fct_lesion", "lesion_id"),
            ("marts.modality_concordance", "population, stratum, stratum_value"),
        ):
            name = table.partition(".")[2]
            rows = [
                connection.execute(f"select count(*) from {one}").fetchall()[0][0]
                for one in (f"built.{table}", f"floor.{name}")
            ]
            if rows[0] != rows[1]:
                found.append(f"{name} ({rows[0]} and {rows[1]} rows)")
            there = connection.sql(f"from floor.{name}").columns
            for column, kind in connection.execute(
                f"select column_name, column_type from (describe built.{table})"
            ).fetchall():
                if column not in there:
                    continue
                unlike = f"a.{column} is distinct from b.{column}"
                if kind == "DOUBLE":
                    unlike = doubles_differ(f"a.{column}", f"b.{column}")
                differing = connection.execute(
                    f"select count(*) from built.{table} as a full join floor.{name} as b "
                    f"using ({keys}) where {unlike}"
                ).fetchall()[0][0]
                if differing:
                    found.append(f"{name}.{column} ({differing} rows)")
    return found


_PARTS: dict[str, Callable[..., dict[str, float]]] = {
    "stages": stages,
    "checks": checks,
    "floor": floor,
    "spark": on_spark,
}

if __name__ == "__main__":
    part, *given = sys.argv[1:]
    counted: dict[str, int] = {}
    if part == "pandas":
        taken, counted["records"] = in_pandas(*map(int, given))
    else:
        taken = _PARTS[part](*map(Path, given))
    took = {"cpu_s": usage.cpu_seconds(), "peak_mb": usage.peak_mb()}
    print(json.dumps({"seconds": taken} | counted | took))
