"""From an endpoint number down to its lesions or patients, and to the file and line of each record.

Reads the published warehouse only: quality.endpoint_members says what each unit contributes,
quality.record_sources where its records stand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import duckdb

from dlm import engine
from dlm.errors import UsageError

CLAIMS = {
    "npv_ct": ("npv", "ct"),
    "npv_ct_mri": ("npv", "ct_mri"),
    "residual_ct_mri": ("npv", "ct_mri"),
    "nonviable_mri_visible": ("npv", "ct_gone_mri_visible"),
    "npv_ceious": ("npv", "ct_mri_ceious"),
    "flow_registered": ("flow", "patients", "registered"),
    "flow_operated": ("flow", "patients", "operated"),
    "flow_operated_coauthor": ("flow", "patients", "operated"),
    "flow_ct_lesions": ("flow", "lesions", "dlm"),
    "flow_ct_patients": ("flow", "patients", "dlm"),
    "flow_ct_mri_lesions": ("flow", "lesions", "confirmed_dlm"),
    "flow_ct_mri_patients": ("flow", "patients", "confirmed_dlm"),
    "flow_evaluable_lesions": ("flow", "lesions", "evaluable_confirmed_dlm"),
    "flow_evaluable_patients": ("flow", "patients", "evaluable_confirmed_dlm"),
}
"""Published claims and the endpoint each is computed from; survival medians follow a pattern."""
_EXAMPLES = {
    "npv": "npv ct_mri",
    "km": "km RFS, or km RFS all_resected",
    "flow": "flow patients, or flow patients confirmed_dlm",
}
_UNIT = re.compile(r"[A-Z]{2}[0-9]{2}-[0-9]{3,}(-L[0-9]+)?")
_MEDIAN = re.compile(r"(rfs|os)_median_(\w+)")
# What a unit's state is read from; other records of the patient are context.
_DECIDING = {
    "npv": ("lesion", "read", "surgery", "disposition", "pathology", "followup"),
    "km": ("surgery", "followup", "outcome"),
    "flow": ("registration", "lesion", "read", "surgery", "pathology"),
}
COLUMNS = (
    "endpoint", "subset", "unit_id", "group_value", "is_counted", "state", "detail", "form",
    "record_key", "delivery_id", "file", "line",
)  # fmt: skip
"""Columns of a trace: one row per unit and record."""


def resolve(words: Sequence[str]) -> tuple[str, ...]:
    """What an endpoint is called in quality.endpoint_members, from a claim id or its words.

    Raises:
        UsageError: it is no endpoint.
    """
    first = words[0].casefold()
    if len(words) == 1 and first in CLAIMS:
        return CLAIMS[first]
    median = _MEDIAN.fullmatch(first)
    if len(words) == 1 and median:
        return ("km", median[1].upper(), median[2])
    if first in ("npv", "km", "flow") and 2 <= len(words) <= (2 if first == "npv" else 3):
        subset = words[1].upper() if first == "km" else words[1].lower()
        return (first, subset, *(word.lower() for word in words[2:]))
    if first in _EXAMPLES:
        raise UsageError(f"{first} is named like: {_EXAMPLES[first]}")
    unit = _UNIT.fullmatch(words[0].upper())
    if unit:
        column = "lesion_id" if unit[1] else "patient_id"
        raise UsageError(
            f"{words[0]} is no endpoint; where its records stand: dlm sql "
            f"\"from quality.record_sources where {column} = '{unit[0]}'\""
        )
    raise UsageError(
        f"{' '.join(words)} is no endpoint; name one like: npv ct_mri, km RFS all_resected, "
        f"flow patients confirmed_dlm, or a claim: {', '.join(CLAIMS)}, rfs_median_all_resected"
    )


def trace(warehouse: Path, words: Sequence[str]) -> list[dict[str, Any]]:
    """The units of an endpoint with their records, one row per unit and record.

    Raises:
        UsageError: the endpoint has no such subset.
        DlmError: nothing is published, it cannot be read, or is an earlier version's.
    """
    endpoint, subset, *more = resolve(words)
    group = more[0] if more else None
    with engine.reading(warehouse) as connection:
        known = [
            row[0]
            for row in connection.execute(
                "select distinct subset from quality.endpoint_members where endpoint = ? "
                "order by all",
                [endpoint],
            ).fetchall()
        ]
        if subset not in known:
            raise UsageError(f"{endpoint} has no {subset}; known here: {', '.join(known)}")
        rows = connection.execute(
            "select m.endpoint, m.subset, m.unit_id, m.group_value, m.is_counted, m.state, "
            "m.detail, r.form, r.record_key, r.delivery_id, r.delivery_file, r.delivery_line "
            "from quality.endpoint_members as m left join quality.record_sources as r "
            "on m.patient_id = r.patient_id and list_contains(?, r.form) and (m.lesion_id is null "
            "or r.lesion_id = m.lesion_id or (r.lesion_id is null and (r.form <> 'followup' "
            "or m.detail like 'imaging_followup%'))) "
            "where m.endpoint = ? and m.subset = ? and " + _of_group(endpoint) + " order by all",
            [list(_DECIDING[endpoint]), endpoint, subset, group, group],
        ).fetchall()
        if not rows:
            groups = ", ".join(_groups(connection, endpoint, subset))
            raise UsageError(f"{endpoint} {subset} has no {group}; known here: {groups}")
    return [dict(zip(COLUMNS, row, strict=True)) for row in rows]


def _groups(connection: duckdb.DuckDBPyConnection, endpoint: str, subset: str) -> list[str]:
    """What a third word can be."""
    sql = (
        "select step from marts.patient_flow where unit = ? group by step order by min(step_order)"
        if endpoint == "flow"
        else "select distinct group_value from quality.endpoint_members where endpoint = 'km' "
        "and subset = ? and group_value is not null order by all"
    )
    return [str(value) for (value,) in connection.execute(sql, [subset]).fetchall()]


def _of_group(endpoint: str) -> str:
    """Which members a third word keeps: those of a group, or those that reach a step."""
    if endpoint != "flow":
        return "(?::varchar is null or m.group_value = ?)"
    return (
        "(?::varchar is null or m.state in (select step from marts.patient_flow "
        "where step_order >= (select min(step_order) from marts.patient_flow where step = ?)))"
    )


def by_unit(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row per unit, its records as 'file:line,line' in the order of the files."""
    units: dict[str, dict[str, Any]] = {}
    places: dict[str, dict[str, list[int]]] = {}
    for row in rows:
        counted = "yes" if row["is_counted"] else "no"
        units.setdefault(
            row["unit_id"],
            {
                "unit": row["unit_id"],
                "counted": counted,
                "state": row["state"],
                "detail": row["detail"] or "",
            },
        )
        if row["file"]:
            lines = places.setdefault(row["unit_id"], {}).setdefault(row["file"], [])
            lines.append(row["line"])
    for unit, files in places.items():
        units[unit]["records"] = "; ".join(
            f"{file}:{','.join(str(line) for line in sorted(set(lines)))}"
            for file, lines in sorted(files.items())
        )
    return list(units.values())
