"""Kaplan-Meier figures in the KMunicate layout: curves, bands, and the counts beneath the axis."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import duckdb
from matplotlib.axes import Axes

from dlm.disclosure import SMALLEST_SHOWN, Line, Mark, Subset, is_small, protect, show
from dlm.figures.style import BLUE, GREY, SMALL_TEXT, VERMILLION, Sheet, sheet
from dlm.marts import Row, confidence, rows, settings
from dlm.stamp import Stamp
from dlm.survival import CurveKey, curves
from dlm.wording import wording

if TYPE_CHECKING:
    import pandas as pd

UNDIVIDED = "all"
GROUPS = ("all_resected", "some_left")
STYLES = {
    "all_resected": (BLUE, "solid", ""),
    "some_left": (VERMILLION, (0, (4, 1.6)), "////"),
    UNDIVIDED: (BLUE, "solid", ""),
}
TITLES = {"RFS": "Recurrence-free survival", "OS": "Overall survival"}
EVENTS = {"RFS": "recurrence anywhere or death", "OS": "death"}
CONF_TYPE = "log-log"
# A curve ends where fewer than this share of its group remain at risk (and never goes on with
# fewer patients than may be shown).
SHARE_AT_RISK = 0.10
MOST_MARKS = 250
"""Days with a censored patient that are marked on a curve; more would hide it."""
_LEVEL = ("survival", "ci_lower", "ci_upper")


@dataclass(frozen=True)
class Curve:
    """One group's estimate: its steps as lifelines gives them, and its rows of marts.

    `summary` is its row of `marts.km_summary`, `at_risk` those of `marts.km_at_risk` by month.
    """

    group: str
    steps: Sequence[dict[Any, Any]]
    summary: Row
    at_risk: Mapping[int, Row]

    @property
    def size(self) -> int:
        """Patients in the group."""
        return int(self.summary["n"])

    def counts_at(self, month: int) -> tuple[int, int, int]:
        """At risk (time >= the month's day), and censored and with an event before that day."""
        row = self.at_risk.get(month)
        if row is None:
            # beyond the grid, which goes on for a year after the last time, nobody is left
            row = self.at_risk[max(self.at_risk)]
        return row["n_risk"], row["n_censor"], row["n_event"]

    def drawn_steps(self) -> list[dict[Any, Any]]:
        """The steps up to the tail cut; at the cut the curve ends at the level it held till then.

        What it falls to there is the estimate for fewer patients than the limit.
        """
        limit = max(SHARE_AT_RISK * self.size, SMALLEST_SHOWN)
        drawn = [step for step in self.steps if step["n_risk"] >= limit]
        if not drawn or len(drawn) == len(self.steps) or not drawn[-1]["n_event"]:
            return drawn
        held = drawn[-2] if len(drawn) > 1 else dict.fromkeys(_LEVEL, 1.0)
        last = drawn[-1] | {name: held[name] for name in _LEVEL} | {"n_censor": 0}
        return [*drawn[:-1], last]

    def marks(self) -> list[dict[Any, Any]] | None:
        """The drawn steps with a patient censored; None where marks would hide the curve."""
        censored = [step for step in self.drawn_steps() if step["n_censor"]]
        return censored if len(censored) <= MOST_MARKS else None


def draw_km(connection: duckdb.DuckDBPyConnection, paramcd: str, stamp: Stamp) -> Sheet:
    """One endpoint by resection group; undivided where a group is too small to be shown."""
    days_per_month = float(settings(connection)["days_per_month"])
    level = confidence(connection)
    fitted = curves(connection)
    found = [
        _curve(connection, fitted, CurveKey(paramcd, "resection_group", group)) for group in GROUPS
    ]
    shown = [curve for curve in found if curve is not None]
    whole = _curve(connection, fitted, CurveKey(paramcd, "overall", UNDIVIDED))
    divided = bool(shown) and not any(is_small(curve.size) for curve in shown)
    if not divided:
        shown = [] if whole is None else [whole]

    ends = [curve.drawn_steps()[-1]["time_days"] for curve in shown if curve.drawn_steps()]
    # Axis and counts end with the longest curve.
    last_month = max([6.0, *(end / days_per_month for end in ends)])
    every = 6 if last_month <= 60 else 12
    ticks = [every * number for number in range(int(last_month // every) + 1)]

    row_height, plot_height = 3.7, 64.0
    table_height = row_height * 4 * len(shown)
    plot_floor = table_height + 12
    made = sheet(
        f"{TITLES[paramcd]} by resection group" if divided else TITLES[paramcd],
        plot_floor + plot_height + 1 + 4 * len(shown),
        _notes(paramcd, shown, divided, level),
        stamp,
    )
    axes = made.axes(34, plot_floor, 140, plot_height)
    axes.set_xlim(0, last_month)
    axes.set_ylim(0, 1.02)
    axes.set_xticks(ticks)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25", "50", "75", "100"])
    axes.set_ylabel(f"{TITLES[paramcd]} (%)")
    axes.set_xlabel("Months since surgery (last planned stage performed)")
    axes.axhline(0.5, color=GREY, linewidth=0.4, linestyle=(0, (1, 2)))
    for curve in shown:
        _draw_curve(axes, curve, days_per_month, level)
    if shown:
        axes.legend(
            loc="lower left",
            bbox_to_anchor=(0, 1.01),
            frameon=False,
            fontsize=SMALL_TEXT,
            handlelength=3.2,
            borderpad=0,
        )
    if divided:
        _write_comparison(axes, connection, paramcd)

    paper = made.paper()
    places = [34 + 140 * tick / last_month for tick in ticks]
    for number, curve in enumerate(shown):
        _write_counts(
            paper,
            curve,
            table_height - 1 - number * 4 * row_height,
            row_height,
            list(zip(places, ticks, strict=True)),
        )
    return made


def _curve(
    connection: duckdb.DuckDBPyConnection,
    fitted: Mapping[CurveKey, pd.DataFrame],
    key: CurveKey,
) -> Curve | None:
    found = rows(
        connection,
        "select * from marts.km_summary"
        " where paramcd = ? and grouping = ? and group_value = ? and conf_type = ?",
        *key,
        CONF_TYPE,
    )
    if key not in fitted or not found:
        return None
    steps = fitted[key].to_dict("records")
    at_risk = rows(
        connection,
        "select * from marts.km_at_risk where paramcd = ? and grouping = ? and group_value = ?",
        *key,
    )
    by_month = {row["time_months"]: row for row in at_risk}
    return Curve(key.group_value, steps, found[0], by_month)


def _draw_curve(axes: Axes, curve: Curve, days_per_month: float, level: str) -> None:
    colour, style, hatch = STYLES[curve.group]
    steps = curve.drawn_steps()
    if not steps:
        return
    months = [0.0, *(step["time_days"] / days_per_month for step in steps)]
    survival = [1.0, *(step["survival"] for step in steps)]
    lower = [1.0, *(step["ci_lower"] for step in steps)]
    upper = [1.0, *(step["ci_upper"] for step in steps)]
    axes.fill_between(months, lower, upper, step="post", facecolor=colour, alpha=0.13, linewidth=0)
    if hatch:
        axes.fill_between(
            months,
            lower,
            upper,
            step="post",
            facecolor="none",
            edgecolor=colour,
            hatch=hatch,
            linewidth=0,
            alpha=0.35,
        )
    axes.plot(
        months,
        survival,
        drawstyle="steps-post",
        color=colour,
        linestyle=style,
        linewidth=1.5,
        label=_legend(curve, level),
    )
    censored = curve.marks() or []
    axes.plot(
        [step["time_days"] / days_per_month for step in censored],
        [step["survival"] for step in censored],
        linestyle="none",
        marker="|",
        markersize=5,
        markeredgewidth=0.9,
        color=colour,
    )


def _legend(curve: Curve, level: str) -> str:
    found = curve.summary
    if found["median_months"] is None:
        median = "median not reached"
    else:
        lower = _month(found["median_lower_months"])
        upper = _month(found["median_upper_months"])
        median = f"median {found['median_months']:.1f} months ({level} CI {lower} to {upper})"
    return f"{wording('group', curve.group).en}, n = {curve.size:,}: {median}"


def _write_comparison(axes: Axes, connection: duckdb.DuckDBPyConnection, paramcd: str) -> None:
    found = rows(
        connection,
        "select * from marts.survival_comparison"
        " where paramcd = ? and grouping = 'resection_group'",
        paramcd,
    )
    if not found or found[0]["p_value"] is None:
        return
    p_value = found[0]["p_value"]
    text = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
    axes.text(
        0.015, 0.03, f"Log-rank {text} (exploratory)", transform=axes.transAxes, size=SMALL_TEXT
    )


def _write_counts(
    paper: Axes,
    curve: Curve,
    top: float,
    row_height: float,
    columns: Sequence[tuple[float, int]],
) -> None:
    """Rows at risk, censored and events of one group; `columns` are (place in mm, month)."""
    colour, style, _ = STYLES[curve.group]
    paper.plot([2, 9], [top] * 2, color=colour, linestyle=style, linewidth=1.5)
    paper.text(
        11, top, wording("group", curve.group).en, size=SMALL_TEXT, weight="bold", va="center"
    )
    for number, label in enumerate(("At risk", "Censored", "Events"), start=1):
        paper.text(11, top - number * row_height, label, size=SMALL_TEXT, va="center")
    counts = [curve.counts_at(month) for _, month in columns]
    shown = [(Mark.SHOWN,) * 3] * len(counts)
    marks = shown if curve.group == UNDIVIDED else mark_counts(curve.size, counts)
    for (place, _), cells, own in zip(columns, counts, marks, strict=True):
        for number, (cell, mark) in enumerate(zip(cells, own, strict=True), start=1):
            paper.text(
                place,
                top - number * row_height,
                show(cell, mark),
                size=SMALL_TEXT,
                va="center",
                ha="center",
            )


def mark_counts(size: int, counts: Sequence[tuple[int, int, int]]) -> list[tuple[Mark, Mark, Mark]]:
    """Marks of the counts (at risk, censored, events) of one group by month, the first month 0.

    What a reader can combine: the counts of a month add up to the group's size, and who is censored
    or had an event by one month is so by the next, who is at risk then was so before. At month 0
    nothing has happened, as everybody knows. At risk is kept longest.
    """
    risk, censored, events = (range(first, 3 * len(counts) + 1, 3) for first in (1, 2, 3))
    marks = protect(
        [size, *itertools.chain.from_iterable(counts)],
        [Line(0, cells) for cells in zip(risk, censored, events, strict=True)],
        exempt=range(4),
        keep=risk,
        subsets=[
            *(Subset(later, earlier) for earlier, later in itertools.pairwise(risk)),
            *(Subset(*pair) for cells in (censored, events) for pair in itertools.pairwise(cells)),
        ],
    )
    return [(marks[cell], marks[cell + 1], marks[cell + 2]) for cell in risk]


def _notes(paramcd: str, shown: Sequence[Curve], divided: bool, level: str) -> tuple[str, ...]:
    sizes = "; ".join(f"{wording('group', curve.group).en} n = {curve.size:,}" for curve in shown)
    hidden = any(curve.marks() is None for curve in shown)
    marks = "censored: too many to mark on a curve" if hidden else "ticks: censored"
    notes = [
        f"Event: {EVENTS[paramcd]}. Kaplan-Meier, {level} {CONF_TYPE} bands, {marks}. "
        "At risk: patients with time ≥ the month shown; censored and events: before it. Curves "
        f"end where fewer than {100 * SHARE_AT_RISK:.0f} % of the group or fewer than "
        f"{SMALLEST_SHOWN} patients remain at risk. {sizes}."
    ]
    if divided:
        notes.append(
            "Groups were not randomised; the comparison is exploratory. <5: a count of 1 to 4, or "
            "a cell that would reveal one; –: withheld for the same reason."
        )
    else:
        notes.append("Shown undivided: a resection group has fewer than 5 patients.")
    return tuple(notes)


def _month(value: float | None) -> str:
    return "not reached" if value is None else f"{value:.1f}"
