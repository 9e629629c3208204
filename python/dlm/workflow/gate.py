"""The gate before publication: no S1 query may be open, unless its patient is kept out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import duckdb

CLOSED = ("resolved", "waived")
"""States in which a query blocks nothing and asks nothing of anybody.

A rule that did not run has closed nothing.
"""
_TOLD, _TOLD_EACH = 100, 3


@dataclass(frozen=True)
class OpenQuery:
    """A query that blocks.

    Attributes:
        query_id: of the query.
        rule_id: of the rule.
        site_id: that answers.
        patient_id: it is about; None where it is about no single one.
        lesion_id: it is about; None where it is about no single one.
        form: of the record; None where it is about no record of a form.
        record_key: of the record.
        evidence: the offending values.
        state: of the query.
        file: as delivered; None where there is none.
        line: in it.
    """

    query_id: str
    rule_id: str
    site_id: str
    patient_id: str | None
    lesion_id: str | None
    form: str | None
    record_key: str | None
    evidence: str
    state: str
    file: str | None
    line: int | None

    def __str__(self) -> str:
        where = f"{self.file}, line {self.line}" if self.line is not None else self.file
        about = " ".join(part for part in (self.form, self.record_key) if part)
        told = f"{self.query_id} {self.rule_id} {self.site_id} {about}: {self.evidence}"
        state = " (not looked at since)" if self.state == "not_evaluated" else ""
        return f"{told}{state}{f' ({where})' if where else ''}"


def open_queries(
    connection: duckdb.DuckDBPyConnection, severities: tuple[str, ...]
) -> list[OpenQuery]:
    """The open queries of these severities, in the order of rule, site and record."""
    rows = connection.execute(
        "select query_id, rule_id, site_id, patient_id, lesion_id, form, record_key, evidence, "
        "state, file, line from quality.queries "
        "where list_contains(?, severity) and not list_contains(?, state) "
        "order by rule_id, site_id, form, record_key, column_name",
        [list(severities), list(CLOSED)],
    ).fetchall()
    return [OpenQuery(*row) for row in rows]


def rules_with_queries(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Rules with a query that this build found, open or waived."""
    rows = connection.execute(
        "select distinct rule_id from quality.queries "
        "where state not in ('resolved', 'not_evaluated')"
    ).fetchall()
    return {str(rule) for (rule,) in rows}


def counted(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Open queries by severity and site, gravest first."""
    rows = connection.execute(
        "select severity, site_id, count(*), count(distinct rule_id) from quality.queries "
        "where not list_contains(?, state) group by all order by all",
        [list(CLOSED)],
    ).fetchall()
    names = ("severity", "site_id", "open_queries", "rules")
    return [dict(zip(names, row, strict=True)) for row in rows]


def told(queries: list[OpenQuery], listing: str = "dlm queries list") -> str:
    """Open queries as lines for people: how many by rule and site, and the first of each.

    Args:
        queries: the open queries.
        listing: command that lists them all.
    """
    by_place: dict[tuple[str, str], list[OpenQuery]] = {}
    for query in queries:
        by_place.setdefault((query.rule_id, query.site_id), []).append(query)
    lines, n_left = [], 0
    for (rule, site), found in sorted(by_place.items()):
        lines.append(f"  {rule} at {site}: {len(found)}")
        shown = found[:_TOLD_EACH] if len(lines) < _TOLD else []
        lines += [f"    {query}" for query in shown]
        n_left += len(found) - len(shown)
    if n_left:
        lines.append(f"  {n_left} of them are not shown; see: {listing}")
    return "\n".join(lines)


def exclusions(
    connection: duckdb.DuckDBPyConnection, queries: Sequence[OpenQuery]
) -> tuple[list[tuple[str, str, str]], list[OpenQuery]]:
    """The records to keep out of core so that no open query stands on them.

    A query takes every record of its patient. One record less could make an outcome look better: a
    lesion without its visit of regrowth is nonviable, a patient without the form of death is alive.
    A record that names no patient is taken alone. What is no longer delivered takes nothing.

    Returns:
        Form, key and rule of each record, and the queries that name neither a patient nor a record:
        about a file, a site or the trial. What they are about cannot be kept out.
    """
    rows = connection.execute(
        "with blocking as ("
        "select query_id, rule_id, patient_id, form, record_key from quality.queries "
        "where query_id in (select unnest(?))"
        "), taken as ("
        "select blocking.query_id, sources.form, sources.record_key, blocking.rule_id "
        "from blocking inner join quality.record_sources as sources "
        "on blocking.form = sources.form and blocking.record_key = sources.record_key "
        "union "
        "select blocking.query_id, sources.form, sources.record_key, blocking.rule_id "
        "from blocking inner join quality.record_sources as sources "
        "on blocking.patient_id = sources.patient_id"
        ") from taken order by all",
        [[query.query_id for query in queries]],
    ).fetchall()
    with_records = {query_id for query_id, *_ in rows}
    stuck = [
        query
        for query in queries
        if query.patient_id is None and query.query_id not in with_records
    ]
    return sorted({(form, key, rule) for _, form, key, rule in rows}), stuck
