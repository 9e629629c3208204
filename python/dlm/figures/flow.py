"""The STARD flow of patients and lesions as a diagram."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import duckdb
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle

from dlm.figures.style import BLACK, SMALL_TEXT, TEXT, Sheet, sheet
from dlm.patient_flow import PARTS, REASONS, Part, Step, read_flow
from dlm.stamp import Stamp
from dlm.wording import wording

# ---- places in mm: boxes on the left, exclusions on the right, counts right-aligned
MAIN_LEFT, MAIN_WIDTH = 2.0, 82.0
SIDE_LEFT, SIDE_WIDTH = 94.0, 84.0
LINE_HEIGHT, PADDING, GAP = 3.9, 1.5, 2.6
REASON_LETTERS = 48
HEAD_LETTERS = 46
"""Of a step's name and counts, what one line holds; with more the counts have one of their own."""


def draw_flow(connection: duckdb.DuckDBPyConnection, stamp: Stamp) -> Sheet:
    """Boxes downwards, exclusions with their reasons to the right, in patients and lesions.

    Reads `marts.patient_flow`.
    """
    steps = read_flow(connection)
    heights = [(_side_height(step), _main_height(step)) for step in steps]
    body = sum(main for _, main in heights) + sum(side + 2 * GAP for side, _ in heights[1:]) + 1
    made = sheet(
        "Flow of patients and lesions",
        body,
        (
            "Counts are distinct patients and lesions; lesions are those seen at baseline. A "
            "lesion is excluded under the first reason that applies. A patient leaves when no "
            "lesion remains. <5: a count of 1 to 4, or a cell that would reveal one; –: withheld "
            "for the same reason.",
        ),
        stamp,
    )
    paper = made.paper()
    top = body
    middle = MAIN_LEFT + MAIN_WIDTH / 4
    for number, (step, (side, main)) in enumerate(zip(steps, heights, strict=True)):
        if number > 0:
            low = top - side - 2 * GAP
            _arrow(paper, (middle, top), (middle, low))
            if step.excluded:
                level = top - GAP - side / 2
                _arrow(paper, (middle, level), (SIDE_LEFT, level))
                _side_box(paper, step, top - GAP, side)
            top = low
        _main_box(paper, step, top, main)
        top -= main
    return made


def _lines(parts: Sequence[Part], section: str) -> list[tuple[str, str, str]]:
    """Words and counts line by line; the counts stand on the last line of a wrapped reason."""
    lines = []
    for part in parts:
        pieces = textwrap.wrap(wording(section, part.reason).en, REASON_LETTERS) or [""]
        lines += [(piece, "", "") for piece in pieces[:-1]]
        lines.append((pieces[-1], part.patients, part.lesions))
    return lines


def _side_height(step: Step) -> float:
    lines = _lines(step.excluded, REASONS)
    return 2 * PADDING + LINE_HEIGHT * (len(lines) + 1) if lines else GAP


def _main_height(step: Step) -> float:
    return 2 * PADDING + LINE_HEIGHT * (_head_lines(step) + len(_lines(step.of_which, PARTS)))


def _head(step: Step) -> tuple[str, str]:
    """A step's name, and its counts in words."""
    counts = [f"{step.patients} patients"] if step.patients else []
    counts += [f"{step.lesions} lesions"] if step.lesions else []
    return wording("flow_step", step.name).en, ", ".join(counts)


def _head_lines(step: Step) -> int:
    return 1 if sum(map(len, _head(step))) <= HEAD_LETTERS else 2


def _main_box(paper: Axes, step: Step, top: float, height: float) -> None:
    _box(paper, MAIN_LEFT, top - height, MAIN_WIDTH, height, 1.0)
    first = top - PADDING - LINE_HEIGHT / 2
    name, counts = _head(step)
    last = first - LINE_HEIGHT * (_head_lines(step) - 1)
    paper.text(MAIN_LEFT + 2, first, name, size=TEXT, weight="bold", va="center")
    paper.text(
        MAIN_LEFT + MAIN_WIDTH - 2,
        last,
        counts,
        size=TEXT,
        weight="bold",
        va="center",
        ha="right",
    )
    for number, (words, patients, lesions) in enumerate(_lines(step.of_which, PARTS), 1):
        level = last - number * LINE_HEIGHT
        paper.text(MAIN_LEFT + 5, level, words, size=SMALL_TEXT, va="center")
        units = [f"{patients} patients"] if patients else []
        units += [f"{lesions} lesions"] if lesions else []
        paper.text(
            MAIN_LEFT + MAIN_WIDTH - 2,
            level,
            ", ".join(units),
            size=SMALL_TEXT,
            va="center",
            ha="right",
        )


def _side_box(paper: Axes, step: Step, top: float, height: float) -> None:
    _box(paper, SIDE_LEFT, top - height, SIDE_WIDTH, height, 0.6)
    columns = (SIDE_LEFT + SIDE_WIDTH - 15, SIDE_LEFT + SIDE_WIDTH - 2)
    lines = [("Excluded", "patients", "lesions"), *_lines(step.excluded, REASONS)]
    for number, (words, *counts) in enumerate(lines):
        level = top - PADDING - LINE_HEIGHT * (number + 0.5)
        style = "bold" if number == 0 else "normal"
        paper.text(SIDE_LEFT + 2, level, words, size=SMALL_TEXT, weight=style, va="center")
        for place, count in zip(columns, counts, strict=True):
            paper.text(place, level, count, size=SMALL_TEXT, weight=style, va="center", ha="right")


def _box(paper: Axes, left: float, bottom: float, width: float, height: float, line: float) -> None:
    paper.add_patch(
        Rectangle((left, bottom), width, height, facecolor="white", edgecolor=BLACK, linewidth=line)
    )


def _arrow(paper: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    paper.add_patch(
        FancyArrowPatch(
            start, end, arrowstyle="-|>", mutation_scale=7, linewidth=0.8, color=BLACK, shrinkA=0,
            shrinkB=0,
        )
    )  # fmt: skip
