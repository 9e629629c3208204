"""What the stewards' page shows, read from the tables of schema quality.

Every table may be missing: a build that stopped early still gets its page. Doubles are
rounded here, so that the page is the same from build to build.
"""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import duckdb

from dlm.workflow.gate import CLOSED

MAX_RECORDS = 50_000
"""Records on the page; of more, each rule and site keeps its share. The tables have them all."""

MAX_SNAPSHOTS = 40
"""Sets of deliveries in the trend, the latest."""

NO_SITE = "ALL"
"""site_id of what no one site answers for."""

Row = dict[str, Any]


@dataclass(frozen=True)
class History:
    """Results of the snapshots, the earliest first.

    Attributes:
        snapshots: snapshot_no and received_at.
        cells: per rule_id and site_id, [n_violated, n_checked, status] or None per snapshot.
    """

    snapshots: tuple[tuple[int, str], ...] = ()
    cells: dict[str, dict[str, list[list[Any] | None]]] = field(default_factory=dict)


@dataclass(frozen=True)
class Records:
    """Records that violate a rule or once did, in the order the page shows them first.

    Attributes:
        rows: at most MAX_RECORDS.
        n: how many there are.
        n_open: open ones per severity, of all.
        oldest_open_days: age of the oldest open query; None without queries.
        has_queries: there is a table of queries, so states and ages are known.
    """

    rows: list[Row]
    n: int
    n_open: dict[str, int]
    oldest_open_days: int | None
    has_queries: bool


def has_table(connection: duckdb.DuckDBPyConnection, name: str) -> bool:
    """Whether the database has the table or view, named schema.table."""
    schema, _, table = name.partition(".")
    found = connection.execute(
        "select count(*) from information_schema.tables where table_schema = ? and table_name = ?",
        [schema, table],
    ).fetchall()
    return bool(found != [(0,)])


def read_table(connection: duckdb.DuckDBPyConnection, name: str, order: str) -> list[Row]:
    """All rows of a table; none when it is not there."""
    if not has_table(connection, name):
        return []
    return rows_of(connection, f"select * from {name} order by {order}")


def rows_of(
    connection: duckdb.DuckDBPyConnection, query: str, parameters: Sequence[Any] = ()
) -> list[Row]:
    """Rows of a query by column name; days as ISO text."""
    found = connection.execute(query, list(parameters))
    names = [column[0] for column in found.description or ()]
    return [
        {name: _plain(value) for name, value in zip(names, row, strict=True)}
        for row in found.fetchall()
    ]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime.datetime):
        return value.isoformat(" ", "minutes")
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, float):
        return round(value, 6)
    return value


def read_sites(connection: duckdb.DuckDBPyConnection) -> list[str]:
    """site_id of the trial's sites in order, then of what else findings are about."""
    sites: list[str] = []
    for name in ("core.dim_site", "quality.rule_results", "quality.violations"):
        if has_table(connection, name):
            found = rows_of(connection, f"select distinct site_id from {name} order by site_id")
            sites += [row["site_id"] for row in found if row["site_id"] not in sites]
    return sites


def read_rules(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """The catalogue by severity."""
    return read_table(connection, "quality.rules", "severity, rule_id")


def read_history(connection: duckdb.DuckDBPyConnection) -> History:
    """Results of the latest MAX_SNAPSHOTS snapshots."""
    if not has_table(connection, "quality.rule_results_history"):
        return History()
    snapshots = rows_of(
        connection,
        "select snapshot_no, max(received_at) as received_at from quality.rule_results_history"
        f" group by snapshot_no order by snapshot_no desc limit {MAX_SNAPSHOTS}",
    )[::-1]
    place = {row["snapshot_no"]: number for number, row in enumerate(snapshots)}
    cells: dict[str, dict[str, list[list[Any] | None]]] = {}
    for rule, site, snapshot, n_violated, n_checked, status in connection.execute(
        "select rule_id, site_id, snapshot_no, n_violated, n_checked, status"
        " from quality.rule_results_history order by all"
    ).fetchall():
        if snapshot in place:
            of_site = cells.setdefault(rule, {}).setdefault(site, [None] * len(snapshots))
            of_site[place[snapshot]] = [n_violated, n_checked, status]
    return History(
        tuple((row["snapshot_no"], str(row["received_at"] or "")) for row in snapshots), cells
    )


_RECORD_COLUMNS = """
    rule_id, severity, site_id, patient_id, lesion_id, form, record_key, column_name, evidence,
    file, line
"""
_NO_QUERY = """
    null as query_id, null as state, null as first_seen, null as last_seen, null as resolved_at,
    null as age_days, null as n_reopened, null as previous_evidence, null as waiver_reason,
    null as waiver_author, null as waiver_approved_by, null as waiver_expires, null as reply,
    null as replied_at, null as is_reply_earlier
"""
_QUERY = """
    queries.query_id, queries.state, queries.first_seen, queries.last_seen, queries.resolved_at,
    queries.age_days, queries.n_reopened, queries.previous_evidence, queries.waiver_reason,
    queries.waiver_author, queries.waiver_approved_by, queries.waiver_expires, queries.reply,
    queries.replied_at, not queries.is_reply_current as is_reply_earlier
"""
_SAME = """
    violations.rule_id = queries.rule_id
    and violations.site_id = queries.site_id
    and violations.form is not distinct from queries.form
    and violations.record_key is not distinct from queries.record_key
"""


def read_records(connection: duckdb.DuckDBPyConnection, max_records: int = MAX_RECORDS) -> Records:
    """Violations with the state of their query, and queries that have no violation any more."""
    has_queries = has_table(connection, "quality.queries")
    parts = []
    if has_table(connection, "quality.violations"):
        joined = f"left join quality.queries as queries on {_SAME}" if has_queries else ""
        columns = _RECORD_COLUMNS.replace("    ", " ").strip().split(",")
        parts.append(
            "select "
            + ", ".join(f"violations.{column.strip()}" for column in columns)
            + f", {_QUERY if has_queries else _NO_QUERY}"
            + f" from quality.violations as violations {joined}"
        )
    if has_queries:
        gone = (
            f"where not exists (select 1 from quality.violations as violations where {_SAME})"
            if parts
            else ""
        )
        parts.append(f"select {_RECORD_COLUMNS}, {_QUERY} from quality.queries as queries {gone}")
    if not parts:
        return Records([], 0, {}, None, has_queries)
    closed = ", ".join(f"'{state}'" for state in CLOSED)
    everything = f"""
        with records as ({" union all ".join(parts)}),
        judged as (
            select *, coalesce(state in ({closed}), false) as is_closed from records
        )
    """
    counts = rows_of(
        connection,
        f"{everything} select severity, count(*) as n, count_if(not is_closed) as n_open,"
        " max(case when not is_closed then age_days end) as oldest from judged"
        " group by severity order by severity",
    )
    rows = rows_of(
        connection,
        f"""{everything},
        placed as (
            select
                *,
                row_number() over (
                    partition by rule_id, site_id
                    order by is_closed, age_days desc nulls last, record_key, column_name, evidence,
                        file, line
                ) as place
            from judged
        ),
        shared_out as (
            select *
            from placed
            order by place, severity, rule_id, site_id
            limit {max_records}
        )
        select * exclude (place, is_closed)
        from shared_out
        order by is_closed, severity, age_days desc nulls last, rule_id, site_id, place
        """,
    )
    ages = [int(row["oldest"]) for row in counts if row["oldest"] is not None]
    return Records(
        rows,
        sum(int(row["n"]) for row in counts),
        {row["severity"]: int(row["n_open"]) for row in counts},
        max(ages, default=None),
        has_queries,
    )


# ---- timelines

# Details in the order of the lists that the page's script reads: see `event` in quality.js.
_PATIENT_EVENTS = {
    "intermediate.int_registrations": """
        select patient_id, null as lesion_id, consent_date as day, 'consent' as kind, [] as details,
            'registration' as form, record_key
        from intermediate.int_registrations
        union all
        select patient_id, null, registration_date, 'registration', [], 'registration', record_key
        from intermediate.int_registrations
        union all
        select patient_id, null, chemo_start_date, 'chemo_start', [], 'registration', record_key
        from intermediate.int_registrations where chemo_start_date is not null
        union all
        select patient_id, null, chemo_end_date, 'chemo_end', [cast(chemo_cycles as varchar)],
            'registration', record_key
        from intermediate.int_registrations where chemo_end_date is not null
    """,
    "intermediate.int_surgeries": """
        select patient_id, null, surgery_date, 'operation',
            [cast(stage as varchar), cast(planned_stages as varchar), procedure, r_status,
            cast(is_performed as varchar)], 'surgery', record_key
        from intermediate.int_surgeries
    """,
    "intermediate.int_findings": """
        select patient_id, null, coalesce(visit_date, imaging_date), 'visit',
            [cast(visit_no as varchar), cast(imaging_date as varchar), vital_status,
            cast(is_recurrence as varchar), recurrence_place, cast(recurrence_date as varchar),
            lesion_id, cast(is_regrowth as varchar), later_treatment,
            cast(later_treatment_date as varchar)], 'followup', record_key
        from intermediate.int_findings
    """,
    "intermediate.int_outcomes": """
        select patient_id, null, last_contact_date, 'last_contact', [], 'outcome', record_key
        from intermediate.int_outcomes where last_contact_date is not null
        union all
        select patient_id, null, death_date, 'death', [death_cause], 'outcome', record_key
        from intermediate.int_outcomes where death_date is not null
    """,
}
_LESION_EVENTS = {
    "intermediate.int_lesion_records": """
        select patient_id, lesion_id, baseline_date as day, 'lesion' as kind,
            [segment, cast(baseline_size_mm as varchar)] as details, 'lesion' as form, record_key
        from intermediate.int_lesion_records
    """,
    "intermediate.int_reads": """
        select reads.patient_id, reads.lesion_id, reads.read_date, 'read',
            [reads.modality, reads.timepoint, coalesce(reads.verdict, reads.read_status),
            reads.verdict_reason, cast(reads.size_mm as varchar), reads.size_status,
            reads.reader_id, reads.reader_role, cast(facts.is_accepted as varchar),
            facts.not_accepted_reason], 'read', reads.record_key
        from intermediate.int_reads as reads
        left join (
            select read_key, is_accepted, not_accepted_reason from core.fct_read
            where lesion_id in (select lesion_id from lesions)
        ) as facts on md5(reads.record_key) = facts.read_key
        where reads.lesion_id in (select lesion_id from lesions)
    """,
    "intermediate.int_dispositions": """
        select patient_id, lesion_id, surgery_date, 'disposition',
            [cast(stage as varchar), action, action_reason, specimen_id], 'disposition', record_key
        from intermediate.int_dispositions
    """,
    "intermediate.int_specimens": """
        select patient_id, lesion_id, pathology_date, 'specimen',
            [specimen_id, specimen_result, cast(viable_pct as varchar), cast(trg as varchar)],
            'pathology', record_key
        from intermediate.int_specimens
    """,
}

Event = list[Any]


def read_timelines(
    connection: duckdb.DuckDBPyConnection, records: Sequence[Row]
) -> dict[str, dict[str, Any]]:
    """What happened to the patients and lesions of the records, in order of day.

    Returns:
        Per patient_id: ``day0`` (day 0, or None), ``events`` of the patient, and ``lesions``:
        events of each lesion that a record is about. An event is [day or None, kind, details, form,
        record_key, file, line]; those without a day come last.
    """
    patients = sorted({row["patient_id"] for row in records if row["patient_id"]})
    lesions = sorted({row["lesion_id"] for row in records if row["lesion_id"]})
    found: dict[str, dict[str, Any]] = {
        patient: {"day0": None, "events": [], "lesions": {}} for patient in patients
    }
    if has_table(connection, "core.dim_patient"):
        for patient, day in connection.execute(
            "select patient_id, cast(surgery_date as varchar) from core.dim_patient"
            " where surgery_date is not null and patient_id in (select unnest(?)) order by all",
            [patients],
        ).fetchall():
            found[patient]["day0"] = day
    for patient, lesion, event in _events(connection, patients, lesions):
        timeline = found.get(patient)
        if timeline is None:
            continue
        if lesion is None:
            timeline["events"].append(event)
        else:
            timeline["lesions"].setdefault(lesion, []).append(event)
    for timeline in found.values():
        timeline["events"].sort(key=_by_day)
        for events in timeline["lesions"].values():
            events.sort(key=_by_day)
    return {
        patient: timeline
        for patient, timeline in found.items()
        if timeline["events"] or timeline["lesions"]
    }


def _events(
    connection: duckdb.DuckDBPyConnection, patients: list[str], lesions: list[str]
) -> list[tuple[str, str | None, Event]]:
    """Events of the patients, without a lesion_id, and of the lesions."""
    there = [
        f"select * from ({select}) where {unit}_id in (select {unit}_id from {unit}s)"
        for unit, events in (("patient", _PATIENT_EVENTS), ("lesion", _LESION_EVENTS))
        for table, select in events.items()
        if has_table(connection, table)
    ]
    if not there:
        return []
    records = (
        "quality.record_sources"
        if has_table(connection, "quality.record_sources")
        else "(select null as form, null as record_key, null as patient_id,"
        " null as delivery_file, null as delivery_line where false)"
    )
    # Tables and not CTEs: DuckDB then knows that they are short, and keeps these in memory.
    for name, ids in (("patient", patients), ("lesion", lesions)):
        connection.execute(
            f"create or replace temporary table {name}s as select unnest(?) as {name}_id", [ids]
        )
    connection.execute(
        f"""
        create or replace temporary table told as
        select form, record_key, delivery_file, delivery_line
        from {records} as records
        where patient_id in (select patient_id from patients)
        """
    )
    found = connection.execute(
        f"""
        with
        wanted (patient_id, lesion_id, day, kind, details, form, record_key) as (
            {" union all ".join(there)}
        ),
        sources as (
            select form, record_key, min(delivery_file) as file, min(delivery_line) as line
            from told
            group by form, record_key
        )
        select
            wanted.patient_id, wanted.lesion_id, cast(wanted.day as varchar), wanted.kind,
            wanted.details, wanted.form, wanted.record_key, sources.file, sources.line
        from wanted
        left join sources
            on wanted.form = sources.form and wanted.record_key = sources.record_key
        order by all
        """
    ).fetchall()
    return [
        (patient, lesion, [day, kind, details, form, key, file, line])
        for patient, lesion, day, kind, details, form, key, file, line in found
    ]


def _by_day(event: Event) -> tuple[bool, str, int, str]:
    order = ("consent", "registration", "chemo_start", "lesion", "read", "chemo_end", "operation")
    place = order.index(event[1]) if event[1] in order else len(order)
    return event[0] is None, event[0] or "", place, str(event[4])
