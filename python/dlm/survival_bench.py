"""`dlm bench survival`: the survival macros against R and lifelines.

What is timed begins with the data in memory, where all three have them, and ends with estimates.

Each is measured in a process of its own, in turn, so that the machine's noise hits all alike; the
estimates are compared, so that nobody is fast by being wrong.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb

from dlm.errors import DlmError
from dlm.km import curve_statements
from dlm.macros import render
from dlm.project import import_path
from dlm.usage import peak_mb

TASKS = {
    "km": "Kaplan-Meier of two groups with intervals",
    "cox": "Cox hazard ratio of two groups, ties by Efron",
}
LEAST = {("km", "r"): 10.0, ("km", "lifelines"): 5.0, ("cox", "r"): 10.0}
"""How many times as fast as its peer each task must be."""
_SEED = 1527
_LONGEST = 1826
# Whole days of five years: exponential times, staggered entry, hazards of seven to ten.
_SUBJECTS = f"""
    create table subjects as
    with drawn as (
        select
            number,
            number % 2 + 1 as grp,
            (hash(number * 2 + {_SEED}) % 1000003 + 0.5) / 1000004 as first,
            (hash(number * 2 + {_SEED} + 1) % 1000003 + 0.5) / 1000004 as second
        from range(?) as numbers (number)
    ),

    timed as (
        select
            grp,
            floor(-ln(first) * case grp when 1 then 700 else 1000 end) as death,
            floor({_LONGEST} * second) as entry
        from drawn
    )

    select
        1 as everything,
        cast(grp as integer) as grp,
        cast(least(death, entry) as integer) as time_value,
        cast(death <= entry as integer) as had_event
    from timed
"""
_R = """
suppressPackageStartupMessages(library(survival))
given <- commandArgs(trailingOnly = TRUE)
subjects <- read.csv(given[1])
runs <- as.integer(given[2])
told <- function(task, run, value) {
  started <- proc.time()[["elapsed"]]
  found <- run()
  cat(task, proc.time()[["elapsed"]] - started, format(value(found), digits = 17), "\\n")
}
for (number in seq_len(runs)) {
  told("km", function() survfit(Surv(time_value, had_event) ~ grp, data = subjects),
       function(fit) sum(fit$surv))
  told("cox", function() coxph(Surv(time_value, had_event) ~ grp, data = subjects),
       function(fit) unname(coef(fit)))
}
memory <- grep("VmHWM", readLines("/proc/self/status"), value = TRUE)
cat("peak", as.numeric(gsub("[^0-9]", "", memory)) / 1024, "0\\n")
"""


def survival(subjects: int, runs: int, json_out: Path | None) -> int:
    """Time both tasks by the macros, lifelines and, where it is installed, R; print ratios.

    Args:
        subjects: how many.
        runs: counted runs of each after one that warms up; medians count. lifelines' Cox, which is
            slow, runs once.
        json_out: file for the figures as JSON; None for none.

    Returns:
        0 where every ratio is at least that of `LEAST`, else 1.

    Raises:
        DlmError: a peer failed, or its estimates differ.
    """
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        connection = duckdb.connect()
        connection.execute(_SUBJECTS, [subjects])
        connection.execute(f"copy subjects to '{folder / 'subjects.parquet'}' (format parquet)")
        connection.execute(f"copy subjects to '{folder / 'subjects.csv'}' (header)")
        days = connection.execute("select count(distinct time_value) from subjects").fetchall()
        connection.close()
        for who in ("dlm", "lifelines"):
            print(f"running {who}", file=sys.stderr)
            found[who] = _told(
                [sys.executable, "-m", "dlm.survival_bench", who, scratch, str(runs)]
            )
        if shutil.which("Rscript"):
            print("running R", file=sys.stderr)
            script = folder / "bench.R"
            script.write_text(_R, encoding="utf-8")
            found["r"] = _told(
                ["Rscript", str(script), str(folder / "subjects.csv"), str(runs + 1)]
            )
    _refuse_differences(found)
    return _print(found, subjects, days[0][0], json_out)


def _told(command: list[str]) -> dict[str, Any]:
    """Run a measurement: lines of task, seconds and a number that tells the estimate."""
    environment = os.environ | {"PYTHONPATH": import_path()}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if done.returncode:
        raise DlmError(f"{' '.join(command[:3])} ended with {done.returncode}:\n{done.stderr}")
    found: dict[str, Any] = {"seconds": {}, "value": {}}
    for line in done.stdout.splitlines():
        task, number, value = line.split()
        if task == "peak":
            found["peak_mb"] = float(number)
        else:
            found["seconds"].setdefault(task, []).append(float(number))
            found["value"][task] = float(value)
    # the first run warms up, where there are more
    found["median"] = {
        task: statistics.median(each[1:] or each) for task, each in found["seconds"].items()
    }
    return found


def _refuse_differences(found: dict[str, Any]) -> None:
    """The sum of all survival steps within 1e-9 relative; the log ratio within 1e-4 (lifelines)."""
    for who in set(found) - {"dlm"}:
        for task in TASKS:
            mine, other = found["dlm"]["value"][task], found[who]["value"][task]
            limit = 1e-4 if task == "cox" else 1e-9
            if abs(mine - other) > limit * max(abs(other), 1):
                raise DlmError(f"{task}: dlm finds {mine}, {who} {other}")


def _print(found: dict[str, Any], subjects: int, days: int, json_out: Path | None) -> int:
    print(f"{subjects:,} subjects in two groups, {days:,} distinct whole days; median seconds\n")
    print("| task | " + " | ".join(found) + " |")
    print("|---|" + "---|" * len(found))
    for task, title in TASKS.items():
        cells = [f"{each['median'][task]:.4f}" for each in found.values()]
        print(f"| {title} | " + " | ".join(cells) + " |")
    cells = [f"{each['peak_mb']:.0f}" for each in found.values()]
    print("| peak memory, MB | " + " | ".join(cells) + " |\n")
    reached = True
    ratios = {}
    for (task, who), least in LEAST.items():
        if who not in found:
            print(f"{task}: R is not installed, not compared")
            continue
        ratio = found[who]["median"][task] / found["dlm"]["median"][task]
        ratios[f"{task}_{who}"] = ratio
        reached = reached and ratio >= least
        print(f"{task}: {ratio:.1f} times as fast as {who} (at least {least:g})")
    if json_out:
        content = {"subjects": subjects, "days": days, "measured": found, "ratios": ratios}
        json_out.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    return 0 if reached else 1


# ------------------------------------------------------------------- in the measured processes


def _measure(who: str, folder: Path, runs: int) -> None:
    tasks = _of_dlm(folder) if who == "dlm" else _of_lifelines(folder)
    for task, (run, tell) in tasks.items():
        for _ in range(1 if (who, task) == ("lifelines", "cox") else runs + 1):
            started = time.perf_counter()
            found = run()
            seconds = time.perf_counter() - started
            print(task, f"{seconds:.6f}", repr(float(tell(found))))
    print("peak", peak_mb(), 0)


_Task = tuple[Callable[[], Any], Callable[[Any], float]]


def _of_dlm(folder: Path) -> dict[str, _Task]:
    """Both tasks as prepared statements: what is timed goes from subjects to estimates."""
    import numpy  # noqa: F401  (what the estimates are fetched into)

    connection = duckdb.connect()
    connection.execute("set perfect_ht_threshold = 20")
    connection.execute(f"create table subjects as from '{folder / 'subjects.parquet'}'")
    statements = curve_statements("log")
    ctes = ", ".join(f"{name} as ({sql})" for name, sql in statements.items())
    counts = statements["counts"]
    cox = render("cox_two_groups('counts', ['everything'], 'grp')")
    connection.execute(f"prepare km as with {ctes} select * from curve")
    connection.execute(f"prepare cox as with counts as ({counts}), found as ({cox}) from found")
    return {
        "km": (
            lambda: connection.execute("execute km").fetchnumpy(),
            lambda found: found["survival"].sum(),
        ),
        "cox": (
            lambda: connection.execute("execute cox").fetchnumpy(),
            lambda found: found["log_hazard_ratio"][0],
        ),
    }


def _of_lifelines(folder: Path) -> dict[str, _Task]:
    import pandas as pd
    from lifelines import CoxPHFitter, KaplanMeierFitter

    subjects = pd.read_parquet(folder / "subjects.parquet").drop(columns="everything")

    def curves() -> list[Any]:
        return [
            KaplanMeierFitter().fit(own["time_value"], own["had_event"])
            for _, own in subjects.groupby("grp")
        ]

    def total(fitters: list[Any]) -> float:
        return float(
            sum(
                # its table begins with a time 0 of nobody
                fitter.survival_function_.loc[
                    fitter.event_table.index[fitter.event_table["removed"] > 0]
                ]
                .to_numpy()
                .sum()
                for fitter in fitters
            )
        )

    def cox() -> Any:
        return CoxPHFitter().fit(subjects, "time_value", "had_event")

    return {"km": (curves, total), "cox": (cox, lambda model: float(model.params_["grp"]))}


if __name__ == "__main__":
    _measure(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
