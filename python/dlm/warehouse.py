"""Run dbt in this process, on a work database of its own.

Only parsed code is reused between builds (dbt's partial parse); every model and data test runs
anew. dbt's unit tests test the code and not the data, so they belong to ``make test``.
"""

from __future__ import annotations

import json
import logging
import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dlm import engine
from dlm.errors import DlmError
from dlm.failed_tests import DataTest, data_test

_LARGE = 10**9
"""Bytes of loaded records from which models are built one by one where no memory limit is set."""
_LARGE_SHARES = ((0.05, None), (0.15, 2))
"""Share of the memory allowed that loaded records may take, and the models built at once then.

What is loaded takes ten times that to join; above the last share one model has all the memory.
"""
_SHARE_OF_ONE_HELPER = 0.25
"""Share of the memory allowed for the helper that is at work where helpers take turns."""
_SLICE_SHARE = 0.15
"""Share of the memory allowed that the loaded records of one slice of a large table may take."""
_BYTES_IN_PLACE = 35
"""What a record would take that stays in its Parquet file, were it loaded."""
NodeProgress = Callable[[int, int, str], None]
_NOT_HERE = ("tag:raw", "resource_type:unit_test")
"""What a build leaves out: raw tables are loaded by ``dlm``, unit tests are run by the tests."""


@dataclass(frozen=True)
class Pace:
    """How the models are built, by the size of what was loaded.

    Attributes:
        models: built at once; None for as many as the profile says. A large model keeps the cores
            busy by itself for most of its time, and several share the memory.
        slices: parts that the largest tables are made in (macros/slices.sql).
    """

    models: int | None = None
    slices: int = 1

    @property
    def one_by_one(self) -> bool:
        """Whether what is loaded is so large that models and helpers come one after the other."""
        return self.models == 1

    @property
    def share_of_a_helper(self) -> float:
        """Share of the memory for the connection of a helper process; of large builds it is one."""
        return _SHARE_OF_ONE_HELPER if self.one_by_one else engine.SIDE_SHARE

    @property
    def share_beside_helpers(self) -> float:
        """Share of the memory for what a build does by itself while helpers are at work."""
        return engine.MAIN_SHARE - self.share_of_a_helper if self.one_by_one else engine.SIDE_SHARE


@dataclass(frozen=True)
class NodeOutcome:
    """How one dbt node ended.

    Attributes:
        name: of the model, seed or test.
        status: dbt's word: success, pass, warn, fail, error or skipped.
        message: dbt's message, where there is one.
        failures: rows a test found.
        test: what a data test that failed is about; None for all else.
    """

    name: str
    kind: str
    status: str
    message: str
    failures: int
    test: DataTest | None = None

    @property
    def is_bad(self) -> bool:
        """Whether it could not run, or a test failed."""
        return self.status in ("error", "fail")

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> NodeOutcome:
        """The outcome that another process told as JSON."""
        test = content["test"]
        return cls(**(content | {"test": DataTest(**test) if test else None}))


def run_dbt(
    project: Path,
    work: Path,
    cache: Path,
    variables: dict[str, Any],
    progress: NodeProgress = lambda done, total, name: None,
    command: str = "build",
    target: str = "duckdb",
    exclude: Sequence[str] = (),
    select: Sequence[str] = (),
    pace: Pace | None = None,
) -> list[NodeOutcome]:
    """Build every model and run every data test on the loaded raw tables.

    Args:
        project: folder of dbt_project.yml.
        work: DuckDB file that schema raw was loaded into.
        cache: folder for dbt's target path and log; one for each target.
        variables: dbt variables that differ from the project's.
        progress: told nodes done, nodes in all, and the node's name.
        command: dbt's command: build, run, test, or seed for the reference tables alone.
        target: output of the profile.
        exclude: what else to leave out, in dbt's words.
        select: what alone to run, in dbt's words; everything when empty.
        pace: how the models are built; None to judge by the work database.

    Returns:
        One outcome per node that ran.

    Raises:
        DlmError: dbt could not run at all (a model does not parse, say).
        KeyboardInterrupt: it was stopped, which dbt returns as it does an error.
    """
    os.environ["DLM_WORK_DB"] = str(work)
    if limit := engine.share(engine.MAIN_SHARE):
        os.environ["DLM_DUCKDB_MEMORY"] = limit
    pace = pace or pace_of(work)
    if pace.slices > 1:
        variables = variables | {"slices": pace.slices}
    from dbt.cli.main import dbtRunner

    # Where the disk is full, each line of dbt's log would add the traceback of its own failure.
    logging.raiseExceptions = False
    total = done = 0

    def on_event(event: Any) -> None:
        nonlocal total, done
        if event.info.name == "LogStartLine":
            total = max(total, event.data.total)
        elif event.info.name == "NodeFinished":
            done += 1
            progress(done, max(total, done), event.data.node_info.node_name)

    with engine.dbt_spills(work):
        result = dbtRunner(callbacks=[on_event]).invoke(
            [
                command,
                "--project-dir",
                str(project),
                "--profiles-dir",
                str(project / "profiles"),
                "--target",
                target,
                "--target-path",
                str(cache / "target"),
                "--log-path",
                str(cache / "logs"),
                "--log-level",
                "none",
                "--log-level-file",
                "warn",
                "--no-version-check",
                *(["--threads", str(pace.models)] if pace.models else []),
                "--exclude",
                *_NOT_HERE,
                *exclude,
                *(["--select", *select] if select else []),
                "--vars",
                json.dumps(variables, sort_keys=True),
            ]
        )
        close_dbt()
    if isinstance(result.exception, KeyboardInterrupt):
        raise result.exception
    runs: list[Any] | None = getattr(result.result, "results", None)
    if runs is None:
        error = result.exception
        known = error and (engine.explained(error, work) or engine.held_elsewhere(error, work))
        raise DlmError(
            known
            or f"dbt could not run: {result.exception}\nits log is in {cache / 'logs' / 'dbt.log'}"
        ) from result.exception
    return [
        NodeOutcome(
            name=run.node.name,
            kind=str(run.node.resource_type),
            status=str(run.status),
            message=(run.message or "").strip(),
            failures=run.failures or 0,
            test=data_test(run.node) if run.status == "fail" else None,
        )
        for run in runs
    ]


def pace_of(work: Path) -> Pace:
    """How the models of a work database are built into which records were loaded."""
    limit = engine.memory_limit()
    size = work.stat().st_size + _records_in_place(work) * _BYTES_IN_PLACE
    if limit is None:
        return Pace(models=1 if size > _LARGE else None)
    share = size / limit
    return Pace(
        models=next((models for most, models in _LARGE_SHARES if share <= most), 1),
        slices=max(1, math.ceil(size / (limit * _SLICE_SHARE))),
    )


def _records_in_place(work: Path) -> int:
    """Records of raw tables that are views of files of the store."""
    connection = engine.connect(work, read_only=True)
    try:
        views = connection.execute(
            "select view_name from duckdb_views() where schema_name = 'raw' order by all"
        ).fetchall()
        counts = [
            connection.execute(f'select count(*) from raw."{view}"').fetchall()[0][0]
            for (view,) in views
        ]
    finally:
        connection.close()
    return sum(counts)


def close_dbt() -> None:
    """Let go of the work database, so that others may open it."""
    from dbt.adapters.duckdb.connections import DuckDBConnectionManager
    from dbt.adapters.factory import cleanup_connections

    cleanup_connections()
    DuckDBConnectionManager.close_all_connections()
