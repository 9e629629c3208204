"""Small cells: counts of 1 to 4 patients in a stratum are not shown, nor what would reveal them.

A count of 1 to 4 shows as `<5` (`Mark.SMALL`). Where the rest of a table would give it away by
subtraction, further cells are hidden: a zero shows as `<5` too (it says nothing untrue and makes
every `<5` ambiguous), a larger count as a dash (`Mark.WITHHELD`). Exempt cells, the undivided rows
of a table, are always shown. Whoever hides a count also hides what was computed from it: shares,
intervals, counts of the same patients' lesions.

The check is exact within a table: an attacker who knows these rules, every sum and every subset
finds at least two values for each hidden small count (integer programming, scipy.optimize.milp). It
does not compare tables that were marked apart.
"""

from __future__ import annotations

import enum
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

SMALLEST_SHOWN = 5
_MOST_HIDDEN = SMALLEST_SHOWN - 1


class Mark(enum.Enum):
    """How one cell is shown: as it is, as `<5`, or as a dash."""

    SHOWN = "shown"
    SMALL = "small"
    WITHHELD = "withheld"


class Subset(NamedTuple):
    """Patients of one cell are all counted in another: `part` holds at most what `whole` holds."""

    part: int
    whole: int


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
    hide: Collection[int] = (),
    subsets: Sequence[Subset] = (),
) -> list[Mark]:
    """Mark every count of one table.

    Args:
        counts: the cells, in any order.
        lines: the sums a reader can make between them.
        exempt: positions that are shown whatever they hold.
        keep: positions that are hidden to protect others only when no other cell is left.
        hide: positions that are hidden whatever they hold (lesions of 1 to 4 patients).
        subsets: what else a reader knows between cells.

    Returns:
        One mark per count. Cells are only ever added to what is hidden, so this ends; where even
        hiding a whole line leaves a count open (its total being exempt), it stays so.
    """
    marks = [Mark.SHOWN] * len(counts)
    for cell, count in enumerate(counts):
        if (is_small(count) or cell in hide) and cell not in exempt:
            marks[cell] = _hidden(count)
    while True:
        further = _next_to_hide(counts, marks, lines, exempt, keep)
        if further is None and (len(lines) > 1 or subsets):
            further = _next_worked_out(counts, marks, lines, subsets, exempt, keep)
        if further is None:
            return marks
        marks[further] = _hidden(counts[further])


def _hidden(count: int | None) -> Mark:
    return Mark.WITHHELD if count is not None and count >= SMALLEST_SHOWN else Mark.SMALL


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


def _next_worked_out(
    counts: Sequence[int | None],
    marks: Sequence[Mark],
    lines: Sequence[Line],
    subsets: Sequence[Subset],
    exempt: Collection[int],
    keep: Collection[int],
) -> int | None:
    """The cheapest cell beside a hidden small count that all sums together give away."""
    sums = [line for line in lines if line.adds_up(counts)]
    beside = [{line.total, *line.parts} for line in sums] + [set(pair) for pair in subsets]
    for cell, count in enumerate(counts):
        if marks[cell] is Mark.SHOWN or not is_small(count):
            continue
        near = _linked(cell, beside, marks)
        open_cells = [
            other
            for cells in beside
            if cells & near
            for other in cells
            if marks[other] is Mark.SHOWN and other not in exempt and counts[other] is not None
        ]
        if open_cells and _is_pinned(cell, counts, marks, sums, subsets, near):
            return min(open_cells, key=lambda other: (other in keep, counts[other] or 0, other))
    return None


def _linked(cell: int, beside: Sequence[set[int]], marks: Sequence[Mark]) -> set[int]:
    """Hidden cells that sums and subsets connect with a cell; what is shown connects nothing."""
    found, waiting = {cell}, [cell]
    while waiting:
        here = waiting.pop()
        for cells in beside:
            if here in cells:
                new = {other for other in cells if marks[other] is not Mark.SHOWN} - found
                found |= new
                waiting += new
    return found


def _is_pinned(
    cell: int,
    counts: Sequence[int | None],
    marks: Sequence[Mark],
    sums: Sequence[Line],
    subsets: Sequence[Subset],
    near: set[int],
) -> bool:
    """Whether one value of a hidden cell is the only one that fits everything shown."""
    from scipy.optimize import Bounds, LinearConstraint, milp

    order = sorted(near)
    place = {other: number for number, other in enumerate(order)}
    rows, least, most = [], [], []

    def add(terms: Sequence[tuple[int, int]], low: float, high: float) -> None:
        """Sum of sign times cell lies between the two; cells that are shown are numbers."""
        row = np.zeros(len(order))
        known = 0
        for other, sign in terms:
            if other in place:
                row[place[other]] += sign
            else:
                known += sign * (counts[other] or 0)
        if row.any():
            rows.append(row)
            least.append(low - known)
            most.append(high - known)

    for line in sums:
        terms = [(line.total, 1), *((part, -1) for part in line.parts)]
        add(terms, 0, line.rest)
    for pair in subsets:
        add([(pair.whole, 1), (pair.part, -1)], 0, np.inf)
    if not rows:
        return False
    ranges = [_known_range(marks[other]) for other in order]
    bounds = Bounds(
        np.array([low for low, _ in ranges], dtype=float),
        np.array([np.inf if high is None else high for _, high in ranges], dtype=float),
    )
    fits = LinearConstraint(np.array(rows), np.array(least), np.array(most))
    aim = np.zeros(len(order))
    aim[place[cell]] = 1
    whole = np.ones(len(order), dtype=int)
    ends = [
        milp(sign * aim, constraints=fits, bounds=bounds, integrality=whole).x for sign in (1, -1)
    ]
    return all(end is not None and round(end[place[cell]]) == counts[cell] for end in ends)
