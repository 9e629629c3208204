"""Small cells: counts of 1 to 4 patients in a stratum are not shown, nor what would reveal them.

A count of 1 to 4 shows as `<5` (`Mark.SMALL`). Where the rest of a table would give it away by
subtraction, further cells are hidden: a zero shows as `<5` too (it says nothing untrue and makes
every `<5` ambiguous), a larger count as a dash (`Mark.WITHHELD`). Exempt cells, the undivided rows
of a table, are always shown. Whoever hides a count also hides what was computed from it: shares,
intervals, counts of the same patients' lesions.

The check is exact within each line of a table (a total and its parts). It does not compare tables
that were marked apart.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass

SMALLEST_SHOWN = 5
_MOST_HIDDEN = SMALLEST_SHOWN - 1


class Mark(enum.Enum):
    """How one cell is shown: as it is, as `<5`, or as a dash."""

    SHOWN = "shown"
    SMALL = "small"
    WITHHELD = "withheld"


@dataclass(frozen=True)
class Line:
    """A total and its parts, as positions in a list of counts.

    `rest` is how many of the total may be in no part (patients of a group that is not listed).
    Where the parts overlap (a patient with lesions in two strata), their patients do not add up
    and nothing follows from them. But their lesions do, so that it takes two hidden cells that hold
    patients: a stratum known to be empty protects nothing.
    """

    total: int
    parts: tuple[int, ...]
    rest: int = 0

    def adds_up(self, counts: Sequence[int | None]) -> bool:
        """Whether the parts make up the total, but for the rest."""
        total = counts[self.total] or 0
        return total - self.rest <= sum(counts[cell] or 0 for cell in self.parts) <= total


def is_small(count: int | None) -> bool:
    """Whether a count of patients must not be shown."""
    return count is not None and 0 < count < SMALLEST_SHOWN


def show(count: int | None, mark: Mark = Mark.SHOWN) -> str:
    """Print one count as its mark says; a missing count is a dash."""
    if mark is Mark.SMALL:
        return f"<{SMALLEST_SHOWN}"
    if mark is Mark.WITHHELD or count is None:
        return "–"
    return f"{count:,}"


def protect(
    counts: Sequence[int | None],
    lines: Sequence[Line] = (),
    exempt: Collection[int] = (),
    keep: Collection[int] = (),
) -> list[Mark]:
    """Mark every count of patients of one table.

    Args:
        counts: the cells, in any order.
        lines: the sums a reader can make between them.
        exempt: positions that are shown whatever they hold.
        keep: positions that are hidden to protect others only when no other cell is left.

    Returns:
        One mark per count. Cells are only ever added to what is hidden, so this ends; where even
        hiding a whole line leaves a count open (its total being exempt), it stays so.
    """
    marks = [
        Mark.SMALL if is_small(count) and cell not in exempt else Mark.SHOWN
        for cell, count in enumerate(counts)
    ]
    while True:
        cell = _next_to_hide(counts, marks, lines, exempt, keep)
        if cell is None:
            return marks
        marks[cell] = Mark.SMALL if counts[cell] == 0 else Mark.WITHHELD


def _next_to_hide(
    counts: Sequence[int | None],
    marks: Sequence[Mark],
    lines: Sequence[Line],
    exempt: Collection[int],
    keep: Collection[int],
) -> int | None:
    """The cheapest cell of the first revealing line that has one left: parts first, then small."""
    for line in lines:
        if not _reveals(counts, marks, line):
            continue
        open_cells = [
            cell
            for cell in (*line.parts, line.total)
            if marks[cell] is Mark.SHOWN
            and cell not in exempt
            and counts[cell] is not None
            and (counts[cell] or line.adds_up(counts))
        ]
        if open_cells:
            return min(
                open_cells,
                key=lambda cell: (cell in keep, cell == line.total, counts[cell] or 0, cell),
            )
    return None


def _reveals(counts: Sequence[int | None], marks: Sequence[Mark], line: Line) -> bool:
    """Whether a reader who knows the rules can tell a hidden part of the line exactly."""
    hidden = [cell for cell in line.parts if marks[cell] is not Mark.SHOWN]
    if not hidden:
        return False
    if not line.adds_up(counts):
        holding = [cell for cell in hidden if counts[cell]]
        return len(holding) == 1 and marks[line.total] is Mark.SHOWN

    # What the hidden parts add up to lies between `least` and `most` (None: without limit).
    shown = sum(counts[cell] or 0 for cell in line.parts if marks[cell] is Mark.SHOWN)
    least, most = _known_range(marks[line.total], counts[line.total] or 0)
    least, most = least - shown - line.rest, None if most is None else most - shown
    return any(
        _is_determined(
            marks[cell], [marks[other] for other in hidden if other != cell], least, most
        )
        for cell in hidden
    )


def _is_determined(own: Mark, others: Sequence[Mark], least: int, most: int | None) -> bool:
    """Whether at most one value of a cell lets the hidden cells add up to least..most."""
    low, high = _known_range(own)
    others_low = sum(_known_range(mark)[0] for mark in others)
    if all(mark is Mark.SMALL for mark in others):
        low = max(low, least - _MOST_HIDDEN * len(others))
    if most is not None:
        high = most - others_low if high is None else min(high, most - others_low)
    return high is not None and high <= low


def _known_range(mark: Mark, count: int = 0) -> tuple[int, int | None]:
    """What a reader knows of a cell: `<5` is 0 to 4, a dash is 5 or more."""
    if mark is Mark.SMALL:
        return 0, _MOST_HIDDEN
    if mark is Mark.WITHHELD:
        return SMALLEST_SHOWN, None
    return count, count
