"""Run the expectations of the rule catalogue on the work database with Great Expectations.

Frames pulled from DuckDB are checked, not the database itself: over its SQL route Great
Expectations reports engine errors as failed data. Its import is slow, so it happens in a worker
(``dlm.quality.worker``) and only inside the functions that need it.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd

from dlm.quality.suites import Expectation, Suite, load_suites

MAX_KEYS = 50
"""Keys named per result; the count beside them is complete."""

MAX_ROWS = 25_000
"""Rows of a table that Great Expectations looks at; of a larger one it looks at a sample."""

MAX_NAMED = 1_000
"""Records named by the rules in SQL that it looks at beside such a sample."""

MAX_VALUES = 5
"""Offending values quoted in a result's detail."""

_MIDNIGHT = re.compile(r"T00:00:00(\.0+)?$")


@dataclass(frozen=True)
class CheckResult:
    """What came of one expectation: a row of ``quality.gx_results``.

    Attributes:
        rule_id: rule of the catalogue the expectation was made from.
        severity: of the rule, S1 to S4.
        suite: layer of the table: staging, core or quality.
        table_name: ``schema.table``.
        expectation: Great Expectations' name of it.
        column_name: column or columns, comma-separated; empty for the table as a whole.
        level: blocking or warning.
        status: pass, warn, fail, or error when the check itself could not run.
        n_checked: rows (or, of a check of the whole table, the one value) looked at.
        n_violated: rows (or the one value) in violation; None when the check could not run.
        failing_keys: keys of violating records, at most MAX_KEYS.
        detail: offending values, or what went wrong.
        description: what is wrong where it is violated.
        description_ja: the same in Japanese, for the pages; not a column of the table.
    """

    rule_id: str
    severity: str
    suite: str
    table_name: str
    expectation: str
    column_name: str
    level: str
    status: str
    n_checked: int | None
    n_violated: int | None
    failing_keys: str
    detail: str
    description: str
    description_ja: str

    def line(self) -> str:
        """The result in one line, for messages."""
        where = f"{self.table_name} {self.column_name}".strip()
        keys = f" ({self.failing_keys})" if self.failing_keys else ""
        if self.n_violated is None:
            return f"{self.rule_id} {where}: {self.expectation}: {self.detail}"
        found = f"{self.n_violated} of {self.n_checked}: {self.detail}"
        return f"{self.rule_id} {where}: {self.expectation}: {found}{keys}"


@dataclass(frozen=True)
class CheckRun:
    """All results of one run, in the order of tables and rules."""

    results: tuple[CheckResult, ...]

    @property
    def blocking(self) -> tuple[CheckResult, ...]:
        """What must stop publication: a blocking expectation failed, or any could not run.

        A check that could not run has proved nothing, whatever its level.
        """
        return tuple(result for result in self.results if result.status in ("fail", "error"))

    @property
    def warnings(self) -> tuple[CheckResult, ...]:
        """What the stewards should look at."""
        return tuple(result for result in self.results if result.status == "warn")

    def rows(self) -> list[dict[str, Any]]:
        """Rows of ``quality.gx_results``."""
        rows = [asdict(result) for result in self.results]
        for row in rows:
            del row["description_ja"]
        return rows


def prepare() -> Any:
    """Import Great Expectations with everything that would use the network switched off."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations

    return great_expectations


def run_expectations(
    connection: duckdb.DuckDBPyConnection,
    out: Path,
    synthetic: bool = False,
    suites: Sequence[Suite] | None = None,
    excluded: int = 0,
) -> CheckRun:
    """Check every suite and write Great Expectations' Data Docs.

    Args:
        connection: on the work database; only read from.
        out: folder of the quality pages; the Data Docs go to ``data_docs`` in it.
        synthetic: the pages say that the data are synthetic.
        suites: what to check instead of the suites the catalogue makes.
        excluded: records left out of the build, which the pages say too.

    Returns:
        One result per expectation, whether it could run or not.
    """
    prepare()
    from dlm.quality.datadocs import write_data_docs

    run, validated = check_suites(connection, load_suites(connection) if suites is None else suites)
    write_data_docs(validated, out / "data_docs", synthetic, excluded)
    return run


def check_suites(
    connection: duckdb.DuckDBPyConnection, suites: Sequence[Suite]
) -> tuple[CheckRun, list[tuple[Any, Any]]]:
    """Check suites without writing anything.

    Args:
        connection: on the work database; only read from.
        suites: what to check.

    Returns:
        Our results, and for each table that is there Great Expectations' suite and result.
    """
    gx = prepare()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("warehouse")
    results: list[CheckResult] = []
    validated: list[tuple[Any, Any]] = []
    for suite in suites:
        try:
            frame, part = _frame(connection, suite)
        except duckdb.Error as error:
            results += [_error(suite, item, str(error)) for item in suite.expectations]
            continue
        checked, outcome, suite_results = _validate(gx, source, connection, suite, frame)
        results += [
            replace(result, detail=f"{result.detail}; {part}".removeprefix("; "))
            if part and result.n_checked != 1
            else result
            for result in suite_results
        ]
        validated.append((checked, outcome))
    return CheckRun(tuple(results)), validated


def _frame(connection: duckdb.DuckDBPyConnection, suite: Suite) -> tuple[pd.DataFrame, str]:
    """Columns the suite needs that the table has, in an order of their own, not the table's.

    A column the table lacks is left out: its expectations then say so, and the others still run.
    Of a table of more than MAX_ROWS rows a sample is taken, and with it MAX_NAMED of the records
    that rules in SQL, which look at all rows, have named.

    Returns:
        The frame, and what part of the table it is; empty for the whole.
    """
    relation = connection.sql(f"from {suite.table}")
    there = [name for name in suite.columns() if name in relation.columns]
    chosen = ", ".join(f'"{name}"' for name in there) or "1 as no_column"
    rows = connection.execute(f"select count(*) from {suite.table}").fetchall()[0][0]
    sample = _sampled(suite, relation.columns, MAX_ROWS / rows) if rows > MAX_ROWS else "true"
    frame: pd.DataFrame = connection.sql(
        f"select {chosen} from {suite.table} as checked where {sample} order by all"
    ).df()
    part = "" if len(frame) == rows else f"a sample, {len(frame):,} of {rows:,} rows"
    return frame, part


def _sampled(suite: Suite, columns: Sequence[str], share: float) -> str:
    """The rows of a sample as a predicate, the same in every build.

    Of tables about patients, all rows of those whose digest is drawn; of others by their keys.
    """
    named = next(
        (name for name in ("record_key", "lesion_id", "patient_id") if name in columns), None
    )
    keys = [f"checked.{name}::varchar" for name in suite.keys if name in columns]
    if named is None or not keys:
        return "true"
    rules = ", ".join(f"'{rule}'" for rule in sorted({e.rule_id for e in suite.expectations}))
    limit = f"'{int(share * 2**64):016x}'"
    if "patient_id" in columns:
        patients = f"(select distinct patient_id from {suite.table})"
        drawn = (
            f"checked.patient_id in (select patient_id from {patients} "
            f"where md5(patient_id) < {limit})"
        )
    else:
        drawn = f"md5(concat_ws('|', {', '.join(keys)})) < {limit}"
    return (
        f"({drawn} or checked.{named} in (select {named} from quality.violations "
        f"where rule_id in ({rules}) order by md5({named}), {named} limit {MAX_NAMED}))"
    )


def _validate(
    gx: Any,
    source: Any,
    connection: duckdb.DuckDBPyConnection,
    suite: Suite,
    frame: pd.DataFrame,
) -> tuple[Any, Any, list[CheckResult]]:
    """Great Expectations' own suite and result for one table, and our results of it."""
    built: dict[int, Any] = {}
    results: dict[int, CheckResult] = {}
    for item in suite.expectations:
        try:
            built[item.number] = _build(gx, item)
        except Exception as error:  # an expectation that Great Expectations refuses
            results[item.number] = _error(suite, item, f"{type(error).__name__}: {error}")
    batch = (
        source.add_dataframe_asset(suite.table)
        .add_batch_definition_whole_dataframe("all")
        .get_batch({"dataframe": frame})
    )
    checked = gx.ExpectationSuite(name=suite.table, expectations=list(built.values()))
    outcome = batch.validate(
        checked,
        result_format={
            "result_format": "COMPLETE",
            "unexpected_index_column_names": [key for key in suite.keys if key in frame.columns],
            "include_unexpected_rows": False,
            "return_unexpected_index_query": False,
        },
    )
    by_number = {item.number: item for item in suite.expectations}
    for evr in outcome.results:
        item = by_number[evr.expectation_config.meta["number"]]
        results[item.number] = _result(suite, item, evr)
    # Great Expectations puts what raised first; pages and table keep the rules' order.
    outcome.results.sort(key=lambda evr: evr.expectation_config.meta["number"])
    return checked, outcome, [results[item.number] for item in suite.expectations]


def _build(gx: Any, item: Expectation) -> Any:
    """The expectation as an object of Great Expectations."""
    name = "".join(part.capitalize() for part in f"expect_{item.expect}".split("_"))
    kind = getattr(gx.expectations, name)
    arguments: dict[str, Any] = dict(item.kwargs)
    if "value_pairs_set" in arguments:
        arguments["description"] = _pairs_in_words(item)
    if item.when:
        arguments["row_condition"] = _condition(item)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return kind(
            **arguments,
            severity="critical" if item.level == "blocking" else "warning",
            notes=f"{item.rule_id}. {item.level.capitalize()}. {item.reason}",
            meta={
                "number": item.number,
                "rule_id": item.rule_id,
                "level": item.level,
                "reason": item.reason,
                "reason_ja": item.reason_ja,
            },
        )


def _pairs_in_words(item: Expectation) -> str:
    """The expectation in words, for pairs of values: Great Expectations has none of its own."""
    pairs = "; ".join(" with ".join(map(str, pair)) for pair in item.kwargs["value_pairs_set"])
    return f"{' and '.join(item.columns)} must be one of these pairs: {pairs}."


def _condition(item: Expectation) -> Any:
    from great_expectations.expectations.row_conditions import Column

    conditions = []
    for name, wanted in item.when.items():
        column = Column(name)
        if wanted == "not null":
            conditions.append(column.is_not_null())
        elif wanted == "null":
            conditions.append(column.is_null())
        elif isinstance(wanted, list):
            conditions.append(column.is_in(wanted))
        else:
            conditions.append(column == wanted)
    combined = conditions[0]
    for condition in conditions[1:]:
        combined &= condition
    return combined


def _result(suite: Suite, item: Expectation, evr: Any) -> CheckResult:
    messages = list(_exceptions(evr.exception_info))
    if messages:
        return _error(suite, item, "; ".join(dict.fromkeys(messages)))
    found = evr.result
    if "element_count" in found:
        n_checked = int(found["element_count"]) - int(found.get("missing_count") or 0)
        n_violated = int(found["unexpected_count"])
    else:
        n_checked, n_violated = 1, int(not evr.success)
    status = "pass" if evr.success else "fail" if item.level == "blocking" else "warn"
    return CheckResult(
        **_names(suite, item),
        status=status,
        n_checked=n_checked,
        n_violated=n_violated,
        failing_keys=_keys(suite, found.get("unexpected_index_list") or []),
        detail=_detail(found, n_checked),
    )


def _exceptions(info: Any) -> Iterable[str]:
    """Messages of what was raised: one for the expectation, or one per metric it needed."""
    entries = [info] if "raised_exception" in info else list(info.values())
    for entry in entries:
        if entry.get("raised_exception"):
            yield str(entry.get("exception_message") or "exception without a message")


def _error(suite: Suite, item: Expectation, message: str) -> CheckResult:
    return CheckResult(
        **_names(suite, item),
        status="error",
        n_checked=None,
        n_violated=None,
        failing_keys="",
        detail=f"the check could not run: {message}",
    )


def _names(suite: Suite, item: Expectation) -> dict[str, str]:
    return {
        "rule_id": item.rule_id,
        "severity": item.severity,
        "suite": suite.layer,
        "table_name": suite.table,
        "expectation": f"expect_{item.expect}",
        "column_name": ", ".join(item.columns),
        "level": item.level,
        "description": item.reason,
        "description_ja": item.reason_ja,
    }


def _keys(suite: Suite, rows: list[dict[str, Any]]) -> str:
    names = ("/".join(_plain(row[key]) for key in suite.keys if key in row) for row in rows)
    return ", ".join(list(dict.fromkeys(names))[:MAX_KEYS])


def _detail(found: dict[str, Any], n_checked: int) -> str:
    """Offending values, each once; of a check of the whole table, what was observed."""
    if "element_count" not in found:
        return f"observed {found.get('observed_value')}"
    if n_checked == 0:
        return "no row to check"
    values = sorted({_plain(value) for value in found.get("unexpected_list") or []})
    return "; ".join(values[:MAX_VALUES]) + ("; ..." if len(values) > MAX_VALUES else "")


def _plain(value: Any) -> str:
    """A value as a steward would write it: days without a time, pairs with a bar between."""
    if isinstance(value, dict):
        return ", ".join(f"{name} {_plain(part)}" for name, part in value.items())
    if isinstance(value, (list, tuple)):
        return " | ".join(_plain(part) for part in value)
    if value is None or value is pd.NaT or value is pd.NA or value != value:
        return "blank"
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    if isinstance(value, (bool, np.bool_)):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:g}"
    return _MIDNIGHT.sub("", str(value))
