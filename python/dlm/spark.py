"""Run the same models on Apache Spark: inputs go over as Parquet, results come back as Parquet.

The strict loader, the checks, the report and the publication are those of every build; Spark only
stands in for DuckDB where the models run. How the cluster is reached is the profile's business: a
session in this process, a Thrift server or a managed cluster, told apart by dbt's target.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import duckdb

from dlm import engine
from dlm.errors import DlmError
from dlm.publish import comment_on
from dlm.scratch import private_folder
from dlm.sql_text import literal
from dlm.warehouse import NodeOutcome, NodeProgress, Pace, close_dbt, run_dbt

INPUT_SCHEMAS = ("raw", "reference")
SESSION = "spark"
"""The target that needs nothing but Java; any other reaches a cluster that runs already."""
_SMALL_INPUTS = 64 * 1024**2
"""Bytes of Parquet below which compiling queries to machine code costs more than it saves."""
_QUICK_TO_START = {
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC",
    "spark.sql.codegen.wholeStage": "false",
}
_SAID = "dlm-spark: "
"""Begins each line that the Spark process says to us; Spark itself may print others."""
_SAYING = threading.Lock()
_PATIENCE = 60
"""Seconds that Spark's Java process may take to end."""


def missing_parts(target: str = SESSION) -> str:
    """What this machine lacks for a target of Spark, in words; empty when nothing."""
    needed = ["dbt.adapters.spark", "pyspark" if target == SESSION else "pyhive"]
    if any(importlib.util.find_spec(name) is None for name in needed):
        extra = "spark" if target == SESSION else "spark-cluster"
        return f"its libraries are not installed: pip install 'dlm-warehouse[{extra}]'"
    java_home = os.environ.get("JAVA_HOME")
    has_java = shutil.which("java") or (java_home and (Path(java_home) / "bin").is_dir())
    if target == SESSION and not has_java:
        return "no Java was found: install Java 17 or 21, or set JAVA_HOME to it"
    return ""


def run_on_spark(
    project: Path,
    work: Path,
    cache: Path,
    variables: dict[str, Any],
    progress: NodeProgress,
    target: str = SESSION,
    exclude: Sequence[str] = (),
    select: Sequence[str] = (),
) -> list[NodeOutcome]:
    """Build every model and run every data test on Spark, and bring the tables back.

    Spark runs in a process of its own, which takes its memory with it when it ends.

    Args:
        project: folder of dbt_project.yml.
        work: DuckDB file that schema raw was loaded into; afterwards it holds every model's table.
        cache: folder for dbt's target path and log.
        variables: dbt variables that differ from the project's.
        progress: told nodes done, nodes in all, and the node's name.
        target: output of the profile: ``spark`` for a session on this machine.
        exclude: what else than seeds to leave out, in dbt's words.
        select: what alone to run, in dbt's words; everything when empty.

    Returns:
        One outcome per node that ran on Spark; those of the seeds where one of them failed.

    Raises:
        DlmError: Spark or dbt could not run, or a table did not come back.
    """
    seeded = run_dbt(project, work, cache / "seeds", variables, command="seed")
    if any(outcome.is_bad for outcome in seeded):
        return seeded
    data = _data_folder(work)
    shutil.rmtree(data, ignore_errors=True)
    try:
        (data / "results").mkdir(parents=True)
        job = {
            "project": str(project),
            "work": str(work),
            "cache": str(cache),
            "variables": variables,
            "target": target,
            "data": str(data),
            "exclude": ["resource_type:seed", *exclude],
            "select": list(select),
            "tables": _write_inputs(work, data / "inputs"),
        }
        log = cache / "logs" / "spark.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        outcomes = None
        with (
            log.open("w", encoding="utf-8") as words,
            subprocess.Popen(
                [sys.executable, "-m", "dlm.spark"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=words,
                text=True,
                encoding="utf-8",
            ) as process,
        ):
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(json.dumps(job))
            process.stdin.close()
            for line in process.stdout:
                if not line.startswith(_SAID):
                    continue
                said = json.loads(line.removeprefix(_SAID))
                if "outcomes" in said:
                    outcomes = [NodeOutcome.from_json(outcome) for outcome in said["outcomes"]]
                else:
                    progress(said["done"], said["total"], said["name"])
        if outcomes is None:
            raise DlmError(
                f"Spark (target {target}) stopped with exit code {process.returncode} before all "
                f"models were built; what it said is in {log}"
            )
        _read_results(work, data / "results", cache / "target" / "manifest.json", outcomes)
    finally:
        shutil.rmtree(data, ignore_errors=True)
    return outcomes


def _main() -> None:
    """The process that Spark runs in: a job on standard input, progress and outcomes out."""
    job = json.loads(sys.stdin.read())
    project, cache, data = Path(job["project"]), Path(job["cache"]), Path(job["data"])
    target: str = job["target"]
    os.environ["DLM_SPARK_RESULTS"] = _location(data / "results")
    with _session(data) if target == SESSION else contextlib.nullcontext():
        _register(project, cache, target, data / "inputs", job["tables"])
        outcomes = run_dbt(
            project,
            Path(job["work"]),
            cache,
            job["variables"],
            lambda done, total, name: _say({"done": done, "total": total, "name": name}),
            target=target,
            exclude=job["exclude"],
            select=job["select"],
            # What DuckDB may take of the memory is no measure of Spark.
            pace=Pace(),
        )
    _say({"outcomes": [asdict(outcome) for outcome in outcomes]})


def _say(content: dict[str, Any]) -> None:
    # dbt's threads report at once, and print writes the end of a line apart from the line.
    with _SAYING:
        print(_SAID + json.dumps(content), flush=True)


def _location(folder: Path) -> str:
    """A folder as Spark wants it: it takes an escaped URI's %20 for letters of the name."""
    return f"file:///{folder.resolve().as_posix().lstrip('/')}"


def _data_folder(work: Path) -> Path:
    """Where inputs and results lie; a cluster elsewhere needs a folder that it sees too."""
    shared = os.environ.get("DLM_SPARK_DATA")
    return Path(shared).resolve() / "dlm-exchange" if shared else work.with_name(".spark")


def _write_inputs(work: Path, folder: Path) -> dict[str, list[str]]:
    folder.mkdir(parents=True)
    connection = engine.connect(work, read_only=True)
    tables: dict[str, list[str]] = {}
    try:
        for schema, table in connection.execute(
            "select table_schema, table_name from information_schema.tables "
            "where list_contains(?, table_schema) order by all",
            [list(INPUT_SCHEMAS)],
        ).fetchall():
            file = literal(folder / f"{schema}.{table}.parquet")
            connection.execute(f'copy {schema}."{table}" to {file} (format parquet)')
            tables.setdefault(schema, []).append(table)
    finally:
        connection.close()
    return tables


@contextlib.contextmanager
def _session(data: Path) -> Iterator[None]:
    """A Spark session in this process, which dbt's session method then finds and uses."""
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    cores = os.cpu_count() or 1
    inputs = sum(file.stat().st_size for file in (data / "inputs").iterdir())
    settings = {
        "spark.master": f"local[{cores}]",
        "spark.driver.memory": os.environ.get("DLM_SPARK_MEMORY", "3g"),
        "spark.local.dir": str(private_folder() if os.environ.get(engine.TEMP) else data / "temp"),
        "spark.sql.catalogImplementation": "in-memory",
        "spark.sql.warehouse.dir": _location(data / "results"),
        "spark.sql.shuffle.partitions": str(2 * cores),
        "spark.sql.session.timeZone": "UTC",
        # Grows with the power of a query's aliases: minutes of planning for one staging model.
        "spark.sql.constraintPropagation.enabled": "false",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
    }
    if inputs < _SMALL_INPUTS:
        settings |= _QUICK_TO_START
    builder = SparkSession.builder.appName("dlm")
    for name, value in settings.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    java = SparkContext._gateway.proc
    try:
        yield
    finally:
        session.stop()
        if java and sys.platform != "win32":
            # It ends with its input; waited for, what it took counts as ours.
            java.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                java.wait(timeout=_PATIENCE)


def _register(
    project: Path, cache: Path, target: str, inputs: Path, tables: dict[str, list[str]]
) -> None:
    from dbt.cli.main import dbtRunner

    arguments = json.dumps({"location": _location(inputs), "tables": tables})
    result = dbtRunner().invoke(
        [
            "run-operation", "register_inputs", "--args", arguments,
            "--project-dir", str(project), "--profiles-dir", str(project / "profiles"),
            "--target", target, "--target-path", str(cache / "target"),
            "--log-path", str(cache / "logs"), "--log-level", "none", "--no-version-check",
        ]
    )  # fmt: skip
    close_dbt()
    if not result.success:
        raise DlmError(
            f"Spark (target {target}) did not take the inputs in {inputs}: {result.exception}\n"
            f"its logs are in {cache / 'logs'}"
        ) from result.exception


def _read_results(work: Path, results: Path, manifest: Path, outcomes: list[NodeOutcome]) -> None:
    """Write the tables that models made into the work database, described as dbt-duckdb does."""
    built = {
        outcome.name
        for outcome in outcomes
        if outcome.kind == "model" and outcome.status == "success"
    }
    nodes = json.loads(manifest.read_text(encoding="utf-8"))["nodes"]
    connection = engine.connect(work)
    try:
        for node in sorted(nodes.values(), key=lambda node: str(node["unique_id"])):
            if node["resource_type"] != "model" or node["name"] not in built:
                continue
            schema, table = node["schema"], node["name"]
            files = results / table / "*.parquet"
            connection.execute(f"create schema if not exists {schema}")
            try:
                connection.execute(
                    f'create table {schema}."{table}" as from read_parquet({literal(files)})'
                )
            except duckdb.Error as error:
                raise DlmError(
                    f"{schema}.{table} did not come back from Spark as {files}: {error}"
                ) from error
            comment_on(connection, "table", f'{schema}."{table}"', node["description"])
            described = {
                column["name"]: column["description"] for column in node["columns"].values()
            }
            for column, *_ in connection.execute(f'describe {schema}."{table}"').fetchall():
                name = f'{schema}."{table}"."{column}"'
                comment_on(connection, "column", name, described.get(column))
    finally:
        connection.close()


if __name__ == "__main__":
    _main()
