"""What differs between two deliveries, days or builds: records, and the numbers they moved.

A delivery or a day stands for the store as it was then. Two builds are compared by their published
warehouses alone: core row by row, and where each record stands in the files.
"""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from dlm import engine, store
from dlm.compare import RecordChange, record_changes, two_states
from dlm.contracts import load_contracts
from dlm.deliveries import load_raw, parse_until, stored_files
from dlm.errors import BlockedError, DlmError, UsageError
from dlm.project import Places
from dlm.scratch import scratch_folder
from dlm.sql_text import escaped

RECORD_COLUMNS = (
    "source", "form", "record_key", "patient_id", "lesion_id", "change", "column", "old", "new",
    "old_file", "old_line", "new_file", "new_line",
)  # fmt: skip
ENDPOINT_COLUMNS = (
    "endpoint", "subset", "number", "old", "new", "unit_id", "was", "became", "detail", "form",
    "record_key", "change", "file", "line",
)  # fmt: skip
_CORE_KEYS = {
    "dim_patient": ("patient_key", ("patient_id",)),
    "fct_lesion": ("lesion_key", ("lesion_id",)),
    "fct_read": ("read_key", ("lesion_id", "modality", "timepoint", "read_date", "reader")),
    "fct_surgery": ("surgery_key", ("patient_id", "stage")),
    "fct_followup": ("followup_key", ("patient_id", "visit_no")),
}
"""Of each table of core what a row is known by, and what people call it."""
# Forms in the order in which they decide a state, so that the likely cause stands first.
_FORM_ORDER = (
    "pathology", "followup", "outcome", "disposition", "read", "surgery", "lesion", "registration",
)  # fmt: skip
_TOLD = 3
"""Records told of one unit in words; the other formats have all of them."""
_POPULATIONS = {
    "ct": "CT",
    "ct_mri": "CT + MRI",
    "ct_gone_mri_visible": "gone on CT, visible on MRI",
    "ct_gone_mri_unknown": "gone on CT, MRI unknown",
    "ct_mri_ceious": "CT + MRI + CEIOUS",
}


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a published warehouse, or a state of the store."""

    name: str
    warehouse: Path | None
    until: store.Until


@dataclass(frozen=True)
class Difference:
    """What differs: records by column, and moved numbers by unit and record; rows to print."""

    records: list[dict[str, Any]]
    endpoints: list[dict[str, Any]]
    compared_endpoints: bool


def resolve(text: str) -> Side:
    """A side from what the user calls it.

    Raises:
        UsageError: it is neither a build, a day nor a delivery.
    """
    path = Path(text)
    if path.is_dir() and (path / "warehouse.duckdb").is_file():
        return Side(text, path / "warehouse.duckdb", None)
    if path.is_file():
        return Side(text, path, None)
    try:
        return Side(text, None, parse_until(text))
    except UsageError:
        raise UsageError(
            f"{text} is neither a build (a folder with warehouse.duckdb), nor a day (YYYY-MM-DD), "
            "nor the id of a delivery"
        ) from None


def diff(places: Places, before: Side, after: Side, endpoints: bool) -> Difference:
    """Compare two sides.

    Args:
        places: of the store.
        before: the earlier side.
        after: the later side.
        endpoints: build sides of the store in scratch folders, so that numbers can be compared.

    Raises:
        DlmError: a side cannot be read or built.
    """
    records = None
    if before.warehouse is None and after.warehouse is None:
        records = [vars(change) for change in _store_changes(places.state, before, after)]
        if not endpoints:
            return Difference(records, [], False)
    with scratch_folder() as scratch:
        old = before.warehouse or _built(before, scratch / "before")
        new = after.warehouse or _built(after, scratch / "after")
        connection = engine.connect(scratch / "compared.duckdb")
        try:
            for name, path in (("before", old), ("after", new)):
                _attach(connection, name, path)
            sources = _source_changes(connection)
            if records is None:
                records = [*sources, *_core_changes(connection)]
            return Difference(records, _moved(connection, sources), True)
        except (duckdb.CatalogException, duckdb.BinderException) as error:
            raise DlmError(
                f"{before.name} or {after.name} was published by an earlier version "
                f"({str(error).splitlines()[0]}); make it anew with: dlm build"
            ) from None
        except duckdb.Error as error:
            wrong = engine.unreadable(error, Path(f"{old} or {new}"))
            if wrong:
                raise DlmError(wrong) from error
            raise
        finally:
            connection.close()


def _attach(connection: duckdb.DuckDBPyConnection, name: str, path: Path) -> None:
    """Attach a side, or say which one cannot be read."""
    try:
        connection.execute(f"attach '{escaped(path)}' as {name} (read_only)")
    except duckdb.Error as error:
        raise DlmError(
            engine.unreadable(error, path) or f"{path} cannot be read as a warehouse: {error}"
        ) from None


def _store_changes(state: Path, before: Side, after: Side) -> list[RecordChange]:
    old, new = (stored_files(state, side.until) for side in (before, after))
    contracts = load_contracts().values()
    with two_states(
        contracts, lambda one: load_raw(one, *old), lambda one: load_raw(one, *new)
    ) as connection:
        return record_changes(connection, contracts)


def _built(side: Side, out: Path) -> Path:
    """Build a state of the store into a scratch folder; the warehouse made."""
    until = "latest" if side.until is None else str(side.until)
    done = subprocess.run(
        [
            *(sys.executable, "-m", "dlm", "build", "--quiet", "--for-comparison"),
            *("--as-of", until, "--out", str(out)),
        ],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=False,
    )
    if done.returncode:
        raise BlockedError(f"{side.name} cannot be built:\n{done.stderr.strip()}")
    return out / "warehouse.duckdb"


def _source_changes(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Records whose content differs between two builds, with where they stood and stand."""
    rows = connection.execute(
        "select coalesce(a.source, b.source), coalesce(a.form, b.form) as form, "
        "coalesce(a.record_key, b.record_key) as record_key, coalesce(a.patient_id, b.patient_id), "
        "coalesce(a.lesion_id, b.lesion_id), case when b.record_key is null then 'added' "
        "when a.record_key is null then 'gone' else 'changed' end, null, null, null, "
        "b.delivery_file, b.delivery_line, a.delivery_file, a.delivery_line "
        "from before.quality.record_sources as b full join after.quality.record_sources as a "
        "on b.form = a.form and b.record_key = a.record_key "
        "where b.payload_hash is distinct from a.payload_hash order by form, record_key"
    ).fetchall()
    return [dict(zip(RECORD_COLUMNS, row, strict=True)) for row in rows]


def _core_changes(connection: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """Rows of core that differ between two builds, a row for each column that changed."""
    found = []
    for table, (row_key, key) in _CORE_KEYS.items():
        columns = [
            name
            for (name,) in connection.execute(
                "select column_name from duckdb_columns() where schema_name = 'core' "
                "and table_name = ? group by column_name, column_index having count(*) = 2 "
                "order by column_index",
                [table],
            ).fetchall()
            if not name.endswith("_key")
        ]
        told = ", ".join(f'b."{name}"::varchar, a."{name}"::varchar' for name in columns)
        differs = " or ".join(f'b."{name}" is distinct from a."{name}"' for name in columns)
        named = ", ".join(f"coalesce(b.{name}, a.{name})::varchar" for name in key)
        lesion = "coalesce(b.lesion_id, a.lesion_id)" if key[0] == "lesion_id" else "null"
        rows = connection.execute(
            f"select concat_ws('|', {named}) as record_key, coalesce(b.patient_id, a.patient_id), "
            f"{lesion}, b.{row_key} is null, a.{row_key} is null, {told} "
            f"from before.core.{table} as b full join after.core.{table} as a "
            f"on b.{row_key} = a.{row_key} "
            f"where {differs} or b.{row_key} is null or a.{row_key} is null "
            f"order by record_key, coalesce(b.{row_key}, a.{row_key})"
        ).fetchall()
        for record_key, patient, lesion_id, is_new, is_gone, *cells in rows:
            about = {
                "form": f"core.{table}",
                "record_key": record_key,
                "patient_id": patient,
                "lesion_id": lesion_id,
            }
            if is_new or is_gone:
                found.append(about | {"change": "added" if is_new else "gone"})
                continue
            found += [
                about | {"change": "changed", "column": name, "old": old, "new": new}
                for name, old, new in zip(columns, cells[::2], cells[1::2], strict=True)
                if old != new
            ]
    return found


def _moved(
    connection: duckdb.DuckDBPyConnection, sources: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Numbers that moved, one row per unit and record that moved them.

    A number that no record moved (a setting or a rule did) has one row without a unit.
    """
    old, new = _numbers(connection, "before"), _numbers(connection, "after")
    members = connection.execute(
        "select coalesce(a.endpoint, b.endpoint), coalesce(a.subset, b.subset), "
        "coalesce(a.unit_id, b.unit_id) as unit_id, coalesce(a.patient_id, b.patient_id), "
        "coalesce(a.lesion_id, b.lesion_id), b.state, a.state, b.detail, a.detail, "
        "b.group_value, a.group_value "
        "from before.quality.endpoint_members as b full join after.quality.endpoint_members as a "
        "on b.endpoint = a.endpoint and b.subset = a.subset and b.unit_id = a.unit_id "
        "where b.state is distinct from a.state or b.group_value is distinct from a.group_value "
        "or (b.endpoint = 'flow' and b.detail is distinct from a.detail) order by all"
    ).fetchall()
    changed: defaultdict[tuple[str, ...], list[tuple[Any, ...]]] = defaultdict(list)
    for member in members:
        changed[member[:2]].append(member)
    of_patient: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in sources:
        of_patient[record["patient_id"]].append(record)
    rows = []
    for number in dict.fromkeys([*old, *new]):
        if old.get(number) == new.get(number):
            continue
        endpoint, subset, group, name = number
        head = {
            "endpoint": endpoint,
            "subset": subset,
            "number": name,
            "old": old.get(number, "none"),
            "new": new.get(number, "none"),
        }
        moved = []
        for _, _, unit, patient, lesion, was, is_now, was_detail, detail, *groups in (
            member for member in changed[endpoint, subset] if _counts_in(endpoint, group, member)
        ):
            state = {
                "unit_id": unit,
                "was": _state(was, was_detail, endpoint, groups[0]),
                "became": _state(is_now, detail, endpoint, groups[1]),
                "detail": detail or was_detail,
            }
            causes = _causes(of_patient[patient], lesion)
            moved += [head | state | cause for cause in causes or [{}]]
        rows += moved or [head]
    return rows


def _state(state: str | None, detail: str | None, endpoint: str, group: str | None) -> str:
    if state is None:
        return "not in it"
    told = f"{state} ({detail})" if endpoint == "flow" and detail else str(state)
    return f"{told} in {group}" if group else told


def _counts_in(endpoint: str, group: str | None, member: tuple[Any, ...]) -> bool:
    """Whether a unit that changed can have moved the number of this group or step."""
    if group is None:
        return True
    if endpoint == "km":
        return group in member[9:11]
    return group in member[5:9]


def _causes(of_patient: list[dict[str, Any]], lesion: str | None) -> list[dict[str, Any]]:
    """The changed records of a patient that a unit's state can come from, the likeliest first."""
    found = [
        {
            "form": record["form"],
            "record_key": record["record_key"],
            "change": record["change"],
            "file": record["new_file"] or record["old_file"],
            "line": record["new_line"] or record["old_line"],
        }
        for record in of_patient
        if lesion is None or record["lesion_id"] in (lesion, None)
    ]
    return sorted(found, key=lambda cause: (_FORM_ORDER.index(cause["form"]), cause["record_key"]))


def _numbers(
    connection: duckdb.DuckDBPyConnection, side: str
) -> dict[tuple[str, str, str | None, str], str]:
    """The endpoint numbers of a build as printed: by endpoint, subset, group or step, and name."""
    numbers: dict[tuple[str, str, str | None, str], str] = {}
    for population, npv, nonviable, evaluable in connection.execute(
        f"select population, npv, n_nonviable, n_evaluable from {side}.marts.modality_concordance "
        "where stratum = 'overall'"
    ).fetchall():
        share = "none" if npv is None else f"{100 * npv:.1f} %"
        numbers["npv", population, None, f"NPV {_POPULATIONS.get(population, population)}"] = (
            f"{share} ({nonviable}/{evaluable})"
        )
    for paramcd, grouping, value, median, n, events in connection.execute(
        "select paramcd, grouping, group_value, median_months, n, events "
        f"from {side}.marts.km_summary where conf_type = 'log-log' "
        "and grouping in ('overall', 'resection_group') order by all"
    ).fetchall():
        told = "not reached" if median is None else f"{median:.1f} months"
        group = None if grouping == "overall" else value
        numbers["km", paramcd, group, f"median {paramcd} {value}"] = f"{told} ({events}/{n} events)"
    for unit, step, row_type, reason, n in connection.execute(
        f"select unit, step, row_type, exclusion_reason, n from {side}.marts.patient_flow "
        "where row_type <> 'of_which' order by unit, step_order, row_type, exclusion_reason"
    ).fetchall():
        name = f"{unit} {step}" if row_type == "remaining" else f"{unit} not {step}: {reason}"
        numbers["flow", unit, reason or None, name] = str(n)
    return numbers


def sentences(endpoints: Sequence[dict[str, Any]]) -> list[str]:
    """Moved numbers in words, a line for each number and each unit that moved it.

    NPV CT + MRI 61.8 % to 62.5 %: / lesion JP07-012-L03 became nonviable (was viable): pathology
    jcog/pathology.csv, line 88
    """
    units: dict[str, dict[str, list[str]]] = {}
    for row in endpoints:
        found = units.setdefault(f"{row['number']} {row['old']} to {row['new']}:", {})
        if "unit_id" in row:
            kind = "lesion" if "-L" in row["unit_id"] else "patient"
            change = f"became {row['became']} (was {row['was']})"
            records = found.setdefault(f"{kind} {row['unit_id']} {change}", [])
            if "form" in row:
                place = f"{row['file']}, line {row['line']}" if row["file"] else "place not known"
                records.append(f"{row['form']} {row['change']}, {place}")
    lines = []
    for number, found in units.items():
        lines.append(number)
        for unit, records in found.items():
            more = [f"and {len(records) - _TOLD} more"] if len(records) > _TOLD else []
            cause = "; ".join(records[:_TOLD] + more) or "no record of it changed"
            lines.append(f"  {unit}: {cause}")
        if not found:
            lines.append("  no lesion or patient changed: a setting or a rule did")
    return lines
