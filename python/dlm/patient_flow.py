"""The STARD flow as boxes, small cells hidden, for the figure and the report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from dlm.disclosure import Line, Mark, is_small, protect, show
from dlm.marts import Row, rows
from dlm.wording import position

# Sections of the wording, which also give the order: those of patients first.
REASONS, PARTS = "exclusion_reason", "flow_part"
# Their sizes are undivided rows (docs/decisions/0030).
GROUPS = ("all_resected", "some_left")


@dataclass(frozen=True)
class Part:
    """One reason for exclusion, or one part of a box; counts as shown, empty where not counted."""

    reason: str
    patients: str
    lesions: str


@dataclass(frozen=True)
class Step:
    """One box: who remains, who was excluded on the way to it, and parts named within it."""

    name: str
    patients: str
    lesions: str
    excluded: tuple[Part, ...]
    of_which: tuple[Part, ...]


def read_flow(connection: duckdb.DuckDBPyConnection) -> list[Step]:
    """`marts.patient_flow` in its order; the boxes themselves are undivided and always shown.

    A reason for exclusion or a part of a box is small where 1 to 4 patients are behind it, counted
    in patients or in lesions. Rows of one division add up, to the box or to what boxes differ by,
    so they are protected together. What undivided rows give anyway is shown: the primary endpoint's
    lesions, and the patients of neither resection group beside groups large enough to be shown.
    Rows that hold nobody are left out.
    """
    found = rows(
        connection, "select * from marts.patient_flow order by step_order, exclusion_reason"
    )
    steps = []
    for name in dict.fromkeys(row["step"] for row in found):
        here = [row for row in found if row["step"] == name]
        remaining = {row["unit"]: row["n"] for row in here if row["row_type"] == "remaining"}
        steps.append(
            Step(
                name,
                show(remaining["patients"]),
                show(remaining["lesions"]),
                _parts([row for row in here if row["row_type"] == "excluded"], REASONS),
                _parts([row for row in here if row["row_type"] == "of_which"], PARTS),
            )
        )
    return steps


def _parts(found: Sequence[Row], section: str) -> tuple[Part, ...]:
    shown = _shown([row for row in found if row["n"]])
    reasons = sorted(
        {reason for reason, _ in shown},
        key=lambda reason: ((reason, "patients") not in shown, position(section, reason), reason),
    )
    return tuple(
        Part(reason, shown.get((reason, "patients"), ""), shown.get((reason, "lesions"), ""))
        for reason in reasons
    )


def _shown(found: Sequence[Row]) -> dict[tuple[str, str], str]:
    """Each row's count as shown, by reason and unit."""
    divisions: dict[tuple[str, str | None], list[Row]] = {}
    for row in found:
        divisions.setdefault((row["unit"], row["division"]), []).append(row)
    shown = {}
    for (unit, division), here in divisions.items():
        marks = _mark(here, division)
        for row, mark in zip(here, marks, strict=True):
            shown[row["exclusion_reason"], unit] = show(row["n"], mark)
    return shown


def _mark(found: Sequence[Row], division: str | None) -> list[Mark]:
    """Marks of the rows of one division, or of parts that overlap."""
    counts = [row["n"] for row in found]
    hide = {cell for cell, row in enumerate(found) if is_small(row["n_patients"])}
    if division is None:
        return protect(counts, hide=hide)
    groups = [row["n_patients"] for row in found if row["exclusion_reason"] in GROUPS]
    undivided = division == "truth" or (
        division == "resection_group"
        and len(groups) == len(GROUPS)
        and not any(is_small(size) for size in groups)
    )
    if undivided:
        return [Mark.SHOWN] * len(counts)
    line = Line(len(counts), tuple(range(len(counts))))
    return protect([*counts, sum(counts)], [line], exempt={len(counts)}, hide=hide)[:-1]
