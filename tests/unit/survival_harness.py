"""Runs the survival macros in DuckDB on subjects of a test's own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import duckdb
import pandas as pd
from macro_harness import render

CURVE = ["dataset", "grp"]


@dataclass(frozen=True)
class Estimates:
    """What the macros make of subjects (dataset, grp, time, event); tables in the order of keys."""

    curve: pd.DataFrame
    quantiles: pd.DataFrame
    followup: pd.DataFrame
    landmarks: pd.DataFrame
    means: pd.DataFrame
    log_rank: pd.DataFrame
    cox: pd.DataFrame
    stratified_log_rank: pd.DataFrame
    stratified_cox: pd.DataFrame


def estimate(
    subjects: pd.DataFrame, landmarks: Iterable[tuple[int, float]] = ((1, 1.0),)
) -> Estimates:
    """Run every macro; restricted means run to the smallest of a dataset's largest times.

    Strata are those of the column `stratum`, where there is one.
    """
    bounded = [*CURVE, "conf_type"]
    stratum = "stratum" if "stratum" in subjects else "'all'"
    with duckdb.connect() as connection:

        def make(table: str, expression: str) -> pd.DataFrame:
            connection.execute(f"create table {table} as {render(expression)}")
            refuse_nan_and_infinity(connection, table)
            return connection.execute(f"from {table} order by all").df()

        connection.register("given", subjects)
        connection.execute(
            "create table subjects as"
            f" select dataset, grp, {stratum} as stratum,"
            " time as time_value, event as had_event from given"
        )
        make("counts", f"survival_counts('subjects', {CURVE})")
        make("stratum_counts", f"survival_counts('subjects', {[*CURVE, 'stratum']})")
        stratified = "('stratum_counts', ['dataset'], 'grp', ['stratum'])"
        make("steps", f"kaplan_meier('counts', {CURVE})")
        curve = make("curve", f"kaplan_meier_intervals('steps', {CURVE})")
        make(
            "reverse_steps",
            f"kaplan_meier('counts', {CURVE}, event='n_censor', censor='n_event')",
        )
        make("reverse_curve", f"kaplan_meier_intervals('reverse_steps', {CURVE})")
        return Estimates(
            curve=curve,
            quantiles=make("quantiles", f"survival_quantiles('curve', {bounded})"),
            followup=make("followup", f"survival_quantiles('reverse_curve', {bounded})"),
            landmarks=make("landmarks", f"survival_at('curve', {bounded}, {list(landmarks)})"),
            means=make("means", f"restricted_mean('steps', {CURVE}, ['dataset'])"),
            log_rank=make("log_ranks", "log_rank('counts', ['dataset'], 'grp')"),
            cox=make("cox", "cox_two_groups('counts', ['dataset'], 'grp')"),
            stratified_log_rank=make("stratified_log_ranks", f"log_rank{stratified}"),
            stratified_cox=make("stratified_cox", f"cox_two_groups{stratified}"),
        )


def incidence(subjects: pd.DataFrame) -> pd.DataFrame:
    """Cumulative incidence with its interval of subjects (dataset, grp, time, outcome)."""
    with duckdb.connect() as connection:
        connection.register("given", subjects)
        connection.execute(
            "create table subjects as select dataset, grp, time as time_value, outcome from given"
        )
        for table, expression in (
            ("counts", f"competing_counts('subjects', {CURVE})"),
            ("steps", f"cumulative_incidence('counts', {CURVE})"),
            ("curve", f"incidence_intervals('steps', {CURVE})"),
        ):
            connection.execute(f"create table {table} as {render(expression)}")
            refuse_nan_and_infinity(connection, table)
        return connection.execute("from curve order by dataset, grp, time_value").df()


def refuse_nan_and_infinity(connection: duckdb.DuckDBPyConnection, table: str) -> None:
    """What cannot be estimated is null, and nothing else; a data frame would show both as nan."""
    described = connection.execute(f"describe {table}").fetchall()
    for column in (row[0] for row in described if row[1] == "DOUBLE"):
        found = connection.execute(
            f"select count(*) from {table} where not isfinite({column})"
        ).fetchall()
        assert found == [(0,)], f"{table}.{column} holds nan or infinity"


def subjects_of(
    grp: str, times: Iterable[float], events: Iterable[int], dataset: str = "a"
) -> pd.DataFrame:
    """Subjects of one group."""
    return pd.DataFrame(
        {"dataset": dataset, "grp": grp, "time": list(times), "event": list(events)}
    )
