"""The queries people work on: of the last build or check, whichever came last.

A build that is refused, and ``dlm check``, publish nothing; what they found is kept beside the
published outputs until a build is published, so that stewards can act on what blocks it.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from dlm import engine
from dlm.errors import DlmError, UsageError
from dlm.project import Places
from dlm.publish import read_manifest
from dlm.sql_text import escaped
from dlm.workflow.log import Entry

CHECKED = "checked.duckdb"
"""What was found last and not published."""
_AGAIN = "dlm check"
KEPT = (
    "quality.rules",
    "quality.queries",
    "quality.rule_counts",
    "quality.rule_results",
    "quality.adjudications_awaited",
    "reference.ref_sites",
)
"""Tables of it."""
STATES = ("new", "open", "changed", "reopened", "resolved", "waived", "not_evaluated")
SEVERITIES = ("S1", "S2", "S3", "S4")


@dataclass(frozen=True)
class Filters:
    """Which queries to take; an empty tuple takes all.

    Attributes:
        sites: site ids.
        rules: rule ids.
        severities: of SEVERITIES.
        states: of STATES.
    """

    sites: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    states: tuple[str, ...] = ()


@dataclass(frozen=True)
class Found:
    """A warehouse with queries.

    Attributes:
        path: the DuckDB file.
        is_published: whether it is the published one.
        basis: what the build stood on, as its manifest says.
    """

    path: Path
    is_published: bool
    basis: dict[str, Any]

    @property
    def scope(self) -> str:
        """Scope of the log it belongs to."""
        return str(self.basis["scope"])

    def knows(self, entry: Entry) -> bool:
        """Whether the build knew an entry of the log."""
        until = self.basis["known_until"]
        is_in_time = until is None or entry["at"][:10] <= until
        return bool(is_in_time and entry["n"] <= self.basis["log_entries"])


def last_found(places: Places) -> Found:
    """Where the queries are that people should work on.

    Raises:
        DlmError: nothing was built or checked yet, it cannot be read, or is an earlier version's.
    """
    checked = places.out / CHECKED
    if checked.is_file():
        with engine.reading(checked, _AGAIN) as connection:
            ((content,),) = connection.execute("select content from basis").fetchall()
        return Found(checked, False, json.loads(content))
    if not places.warehouse.is_file():
        raise DlmError(f"nothing is published in {places.out}; run: dlm build (or dlm check)")
    basis = read_manifest(places.out).get("basis")
    if basis is None:
        raise DlmError(f"{places.warehouse} was published by an earlier version; run: dlm build")
    return Found(places.warehouse, True, basis)


def keep_unpublished(work: Path, out: Path, basis: dict[str, Any]) -> None:
    """Keep what was found by a check or a refused build, in place of what was kept before."""
    partial = out / f".{CHECKED}.partial"
    partial.unlink(missing_ok=True)
    connection = engine.connect(partial)
    try:
        connection.execute(f"attach '{escaped(work)}' as work (read_only)")
        for name in KEPT:
            connection.execute(f"create schema if not exists {name.split('.')[0]}")
            connection.execute(f"create table {name} as from work.{name}")
        connection.execute("create table basis as select ? as content", [json.dumps(basis)])
    finally:
        connection.close()
    partial.replace(out / CHECKED)


def forget_unpublished(out: Path) -> None:
    """Drop what was kept: a build was published."""
    (out / CHECKED).unlink(missing_ok=True)


def read_queries(path: Path, filters: Filters) -> list[dict[str, Any]]:
    """Queries with the words of their rule, the gravest first.

    Raises:
        UsageError: a filter names no site, rule, severity or state.
    """
    with engine.reading(path, _AGAIN if path.name == CHECKED else "dlm build") as connection:
        _check_filters(connection, filters)
        given = {
            "queries.site_id": filters.sites,
            "queries.rule_id": filters.rules,
            "queries.severity": filters.severities,
            "queries.state": filters.states,
        }
        wanted = {column: values for column, values in given.items() if values}
        # Not as parameters: DuckDB 1.5 imports pandas for those, which takes longer than the query.
        texts = {
            column: ", ".join(f"'{escaped(value)}'" for value in values)
            for column, values in wanted.items()
        }
        where = " and ".join(f"{column} in ({listed})" for column, listed in texts.items())
        answer = connection.execute(
            "select queries.*, rules.owner, rules.title_en, rules.title_ja, rules.message_en, "
            "rules.message_ja, rules.action_en, rules.action_ja "
            "from quality.queries as queries left join quality.rules using (rule_id) "
            f"where {where or 'true'} order by queries.severity, queries.rule_id, queries.site_id, "
            "queries.form, queries.record_key, queries.column_name"
        )
        columns = [each[0] for each in answer.description or []]
        return [dict(zip(columns, row, strict=True)) for row in answer.fetchall()]


def _check_filters(connection: duckdb.DuckDBPyConnection, filters: Filters) -> None:
    sites = "select site_id from reference.ref_sites union select site_id from quality.queries"
    known = {
        "site": (filters.sites, _column(connection, f"{sites} union select 'ALL' order by all")),
        "rule": (
            filters.rules,
            _column(connection, "select distinct rule_id from quality.rules order by all"),
        ),
        "severity": (filters.severities, list(SEVERITIES)),
        "state": (filters.states, list(STATES)),
    }
    for what, (values, there) in known.items():
        unknown = [value for value in values if value not in there]
        if unknown:
            raise UsageError(f"there is no {what} {', '.join(unknown)}; known: {', '.join(there)}")


def _column(connection: duckdb.DuckDBPyConnection, sql: str) -> list[str]:
    return [str(value) for (value,) in connection.execute(sql).fetchall()]


def by_id(queries: Sequence[dict[str, Any]], query_id: str, what: str = "query") -> dict[str, Any]:
    """The query of this id, or the only one whose id begins so.

    Args:
        queries: to choose from.
        query_id: the id, or its beginning.
        what: there is none of, where there is none.

    Raises:
        UsageError: there is none, or more than one.
    """
    wanted = query_id.strip()
    found = [query for query in queries if query["query_id"] == wanted] or [
        query for query in queries if len(wanted) > 4 and query["query_id"].startswith(wanted)
    ]
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(f"there is no {what} {query_id}; see: dlm queries list --state all")
    ids = ", ".join(sorted({f"{query['query_id']} ({query['rule_id']})" for query in found}))
    raise UsageError(f"more than one query is {query_id}: {ids}")
