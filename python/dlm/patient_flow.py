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

    Reasons for exclusion and parts of a box are small cells where they hold 1 to 4 patients. The
    reasons of one step add up to what the boxes differ by, so they are protected together; the
    parts of a box are not, for they overlap, and the sizes of analysis sets and resection groups
    are undivided rows elsewhere. Reasons that hold nobody are left out.
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
    counts = {(row["exclusion_reason"], row["unit"]): row["n"] for row in found if row["n"]}
    reasons = sorted(
        {reason for reason, _ in counts},
        key=lambda reason: ((reason, "patients") not in counts, position(section, reason), reason),
    )
    patients = [counts.get((reason, "patients")) for reason in reasons]
    lesions = [counts.get((reason, "lesions")) for reason in reasons]
    marks = _mark(patients, adds_up=section == REASONS)
    return tuple(
        Part(
            reason,
            "" if patients[cell] is None else show(patients[cell], marks[cell]),
            "" if lesions[cell] is None else show(lesions[cell], _of_lesions(lesions, marks, cell)),
        )
        for cell, reason in enumerate(reasons)
    )


def _mark(patients: Sequence[int | None], adds_up: bool) -> list[Mark]:
    if not adds_up:
        return protect(patients)
    total = sum(count or 0 for count in patients)
    line = Line(len(patients), tuple(range(len(patients))))
    return protect([*patients, total], [line], exempt={len(patients)})[:-1]


def _of_lesions(lesions: Sequence[int | None], marks: Sequence[Mark], cell: int) -> Mark:
    """So few lesions tell of how few patients they are; more lesions do not."""
    hidden = marks[cell] is not Mark.SHOWN and is_small(lesions[cell])
    return Mark.SMALL if hidden else Mark.SHOWN
