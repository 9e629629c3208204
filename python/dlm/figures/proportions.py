"""The two figures of proportions: by imaging group, and this trial beside the literature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import duckdb
from matplotlib.axes import Axes

from dlm.concordance import PRIMARY, Entry, Key, read_concordance
from dlm.disclosure import Mark
from dlm.figures.style import (
    BLACK,
    BLUE,
    FOOTNOTE_TEXT,
    GREY,
    PALE,
    SMALL_TEXT,
    TEXT,
    VERMILLION,
    Sheet,
    sheet,
)
from dlm.marts import Row, confidence, rows, settings
from dlm.stamp import Stamp
from dlm.wording import wording

LITERATURE = """
select
    study,
    year,
    unit,
    index_test,
    stratum,
    parent_stratum,
    reference_standard,
    nonviable,
    evaluated,
    proportion,
    ci_lower,
    ci_upper,
    interval_method,
    is_this_trial,
    population,
from marts.literature_evidence
order by unit, year nulls first, study, index_test, stratum
"""


def draw_npv(connection: duckdb.DuckDBPyConnection, stamp: Stamp) -> Sheet:
    """Points with clustered intervals, the naive ones beneath them, and n/N in words.

    Reads the undivided rows of `marts.modality_concordance`; unit: evaluable lesions.
    """
    found = read_concordance(connection)
    shown = [entry.row for key, entry in found.items() if key.stratum == "overall"]
    threshold = 100 * float(settings(connection)["npv_threshold"])
    level = confidence(connection)
    row_height, axis_height = 10.0, 10.0
    top = axis_height + row_height * len(shown)
    made = sheet(
        "Lesions without viable tumour, by imaging group",
        top + 6,
        (
            f"Point: nonviable / evaluable lesions. Thick line: {level} interval allowing for "
            "lesions clustered in patients (Wilson on the effective sample size). Thin dashed "
            "line: naive Wilson interval, lesions taken as independent. Threshold: prespecified "
            "for the primary endpoint, lesions gone on CT and MRI.",
        ),
        stamp,
    )
    paper = made.paper()
    axes = _percent_axis(made, (64, 52), axis_height, top, "Nonviable (% of evaluable lesions)")
    axes.axvline(threshold, color=VERMILLION, linewidth=1.0, linestyle=(0, (4, 2)))
    heading = top + 1
    at_threshold = 64 + 52 * threshold / 100
    paper.text(
        at_threshold, heading, f"{threshold:.0f} %", color=VERMILLION, size=SMALL_TEXT, ha="center"
    )
    for place, text in ((134, "n/N lesions"), (148, "Patients"), (178, f"% ({level} CI)")):
        paper.text(place, heading, text, size=SMALL_TEXT, weight="bold", ha="right")

    for number, row in enumerate(shown):
        middle = top - row_height * (number + 0.5)
        weight = "bold" if row["population"] == PRIMARY else "normal"
        label = wording("population", row["population"]).en
        paper.text(2, middle + 0.2, label, size=TEXT, weight=weight, va="center")
        if row["population"] == PRIMARY:
            paper.text(2, middle - 3.2, "primary endpoint", size=SMALL_TEXT, va="center")
        for place, text in (
            (134, f"{row['n_nonviable']}/{row['n_evaluable']}"),
            (148, f"{row['n_patients']}"),
            (
                178,
                _percent_with_interval(row["npv"], row["clustered_lower"], row["clustered_upper"]),
            ),
        ):
            paper.text(place, middle, text, size=TEXT, weight=weight, va="center", ha="right")
        if row["npv"] is None:
            continue
        if row["naive_lower"] is not None:
            axes.plot(
                [100 * row["naive_lower"], 100 * row["naive_upper"]],
                [middle - 2.4] * 2,
                color=GREY,
                linewidth=0.8,
                linestyle=(0, (2, 1)),
            )
        _point(axes, middle, row["npv"], row["clustered_lower"], row["clustered_upper"], BLUE)
    return made


def draw_literature(connection: duckdb.DuckDBPyConnection, stamp: Stamp) -> Sheet:
    """This trial beside earlier series: a forest without a pooled estimate.

    Reads `marts.literature_evidence`. Units are kept apart, and strata stand indented under the
    series they are part of: their lesions are already counted there.
    """
    concordance = read_concordance(connection)
    found = [row for row in rows(connection, LITERATURE) if _is_shown(row, concordance)]
    lines = [
        line
        for unit in ("lesion", "patient")
        for line in _with_heading(unit, [row for row in found if row["unit"] == unit])
    ]
    level = confidence(connection)
    row_height, axis_height = 5.7, 10.0
    top = axis_height + row_height * len(lines)
    made = sheet(
        "This trial beside earlier series",
        top + 6,
        (
            "Filled diamonds, bold: this trial, interval allowing for lesions clustered in "
            "patients. Circles: earlier series, Wilson interval of the published counts, which is "
            f"too narrow. Intervals: {level}. Indented rows are parts of the row above them. "
            "Series differ in index test, reference standard and follow-up and are not pooled. "
            "Parts of this trial with fewer than 5 patients are left out, with what would reveal "
            "them. CEIOUS: contrast-enhanced intraoperative ultrasound.",
        ),
        stamp,
    )
    paper = made.paper()
    axes = _percent_axis(made, (98, 38), axis_height, top, "Nonviable / no regrowth (%)")
    for place, text, side in (
        (2, "Series", "left"),
        (53, "Index test, reference standard", "left"),
        (149, "n/N", "right"),
        (178, f"% ({level} CI)", "right"),
    ):
        paper.text(place, top + 1, text, size=SMALL_TEXT, weight="bold", ha=side)
    for number, (indent, label, row) in enumerate(lines):
        middle = top - row_height * (number + 0.5)
        if row is None:
            paper.axhspan(middle - row_height / 2, middle + row_height / 2, color=PALE, zorder=0)
            paper.text(2, middle, label, size=SMALL_TEXT, weight="bold", va="center")
            continue
        _literature_row(paper, axes, middle, indent, label, row)
    return made


def _literature_row(
    paper: Axes, axes: Axes, middle: float, indent: int, label: str, row: Row
) -> None:
    weight = "bold" if row["is_this_trial"] and indent == 0 else "normal"
    interval = _percent_with_interval(row["proportion"], row["ci_lower"], row["ci_upper"])
    for place, text, side in (
        (2 + 3 * indent, label, "left"),
        (149, f"{row['nonviable']}/{row['evaluated']}", "right"),
        (178, interval, "right"),
    ):
        paper.text(place, middle, text, size=SMALL_TEXT, weight=weight, va="center", ha=side)
    for above, text in (
        (1.2, wording("index_test", row["index_test"]).en),
        (-1.2, row["reference_standard"]),
    ):
        paper.text(
            53,
            middle + above,
            str(text or "").replace(">=", "≥"),
            size=FOOTNOTE_TEXT,
            color=GREY,
            va="center",
        )
    _point(
        axes,
        middle,
        row["proportion"],
        row["ci_lower"],
        row["ci_upper"],
        BLUE if row["is_this_trial"] else BLACK,
        marker="D" if row["is_this_trial"] else "o",
        filled=bool(row["is_this_trial"]),
    )


def _is_shown(row: Row, concordance: Mapping[Key, Entry]) -> bool:
    """Whether no small cell is in a row: those of this trial are hidden as its table hides them."""
    key = Key(str(row["population"]), "disposition", row["stratum"].replace(" ", "_"))
    return key not in concordance or concordance[key].mark is Mark.SHOWN


def _with_heading(unit: str, found: Sequence[Row]) -> list[tuple[int, str, Row | None]]:
    """The lines of one unit: a heading, then each series with its parts beneath it, indented."""
    if not found:
        return []
    lines: list[tuple[int, str, Row | None]] = [(0, wording("unit", unit).en, None)]
    for key in dict.fromkeys((row["study"], row["year"]) for row in found):
        family = [row for row in found if (row["study"], row["year"]) == key]
        lines += _descendants(family, None, 0)
    return lines


def _descendants(
    family: Sequence[Row], parent: Row | None, indent: int
) -> list[tuple[int, str, Row | None]]:
    lines: list[tuple[int, str, Row | None]] = []
    for row in family:
        if _parent(row, family) is parent:
            lines.append((indent, _label(row, indent), row))
            lines += _descendants(family, row, indent + 1)
    return lines


def _parent(row: Row, family: Sequence[Row]) -> Row | None:
    """The row this one is a part of: of the same index test where there is one."""
    candidates = [other for other in family if other["stratum"] == row["parent_stratum"]]
    same_test = [other for other in candidates if other["index_test"] == row["index_test"]]
    return next(iter(same_test or candidates), None)


def _label(row: Row, indent: int) -> str:
    if indent:
        return str(row["stratum"])
    name = f"{row['study']} {row['year']}" if row["year"] else str(row["study"])
    return name if row["stratum"] == "all" else f"{name}, {row['stratum']}"


def _percent_axis(
    made: Sheet, span: tuple[float, float], bottom: float, top: float, label: str
) -> Axes:
    """Axes from 0 to 100 % whose vertical unit is the sheet's mm, so that rows meet the words."""
    left, width = span
    axes = made.axes(left, bottom, width, top - bottom)
    axes.set_xlim(0, 100)
    axes.set_ylim(bottom, top)
    axes.set_xlabel(label)
    axes.set_xticks(range(0, 101, 20))
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x", color=PALE, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.patch.set_visible(False)
    return axes


def _point(
    axes: Axes,
    middle: float,
    estimate: float | None,
    lower: float | None,
    upper: float | None,
    colour: str,
    marker: str = "s",
    filled: bool = True,
) -> None:
    if estimate is None:
        return
    if lower is not None and upper is not None:
        axes.plot([100 * lower, 100 * upper], [middle] * 2, color=colour, linewidth=1.6)
    axes.plot(
        [100 * estimate],
        [middle],
        marker=marker,
        markersize=4.6,
        color=colour,
        markerfacecolor=colour if filled else "white",
        clip_on=False,
    )


def _percent_with_interval(estimate: float | None, lower: float | None, upper: float | None) -> str:
    if estimate is None:
        return "–"
    if lower is None or upper is None:
        return f"{100 * estimate:.1f}"
    return f"{100 * estimate:.1f} ({100 * lower:.1f}–{100 * upper:.1f})"
