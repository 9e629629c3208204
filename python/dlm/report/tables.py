"""What a table of the report is, and how its numbers are printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dlm.wording import Text, plain

DASH = plain("–")


@dataclass(frozen=True)
class Line:
    """One row: its label, then a cell per further column; without cells a heading over rows."""

    label: Text
    cells: tuple[Text, ...] = ()
    indent: int = 0
    strong: bool = False


@dataclass(frozen=True)
class Table:
    """A table as the template shows it; `texts` names the columns that hold words, not numbers."""

    ident: str
    caption: Text
    columns: tuple[Text, ...]
    lines: tuple[Line, ...]
    texts: frozenset[int] = frozenset()
    note: Text | None = None


def percent(value: float | None, digits: int = 1) -> str:
    """A share between 0 and 1 as a percentage without its sign."""
    return "–" if value is None else f"{100 * value:.{digits}f}"


def number(value: float | None, digits: int) -> str:
    """A number with fixed decimals; a dash where there is none."""
    return "–" if value is None else f"{value:,.{digits}f}"


def p_value(value: float | None) -> str:
    """A p value with three decimals."""
    if value is None:
        return "–"
    return "< 0.001" if value < 0.001 else f"{value:.3f}"


def percent_interval(estimate: float | None, lower: float | None, upper: float | None) -> str:
    """A share with its interval, in percent; the interval is left out where there is none."""
    if estimate is None:
        return "–"
    if lower is None or upper is None:
        return percent(estimate)
    return f"{percent(estimate)} ({percent(lower)}–{percent(upper)})"


def cells(values: Sequence[object]) -> tuple[Text, ...]:
    """Cells from texts and printed numbers; what is missing is a dash."""
    return tuple(
        value if isinstance(value, Text) else DASH if value in (None, "") else plain(str(value))
        for value in values
    )
