"""One look for every figure: sizes in mm, fonts, colours that survive grey, footnotes, files.

Files are byte-identical between runs: fixed fonts (DejaVu, which comes with matplotlib, drawn as
outlines in SVG), fixed SVG ids, no date.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from dlm.stamp import Stamp

# ---- sizes: the two column widths of most journals, in mm; text in points
ONE_COLUMN, TWO_COLUMNS = 85.0, 180.0
MM_PER_INCH = 25.4
POINTS_PER_MM = 72 / MM_PER_INCH
TEXT, SMALL_TEXT, FOOTNOTE_TEXT, TITLE_TEXT = 7.5, 6.8, 6.2, 9.0
PNG_DPI = 300

# ---- Okabe and Ito's colours, told apart without colour by line style, marker or hatch as well
BLACK, GREY, PALE = "#000000", "#6b6b6b", "#e3e3e3"
BLUE, VERMILLION, GREEN = "#0072B2", "#D55E00", "#009E73"

RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": TEXT,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.labelsize": TEXT,
    "xtick.labelsize": TEXT,
    "ytick.labelsize": TEXT,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "hatch.linewidth": 0.4,
    "svg.fonttype": "path",
    "path.simplify": False,
}


@dataclass(frozen=True)
class Sheet:
    """A figure laid out in mm from its lower left corner; `floor` is the top of the footnotes."""

    figure: Figure
    width: float
    height: float
    floor: float

    def axes(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """Add axes at a place in mm, `bottom` counted from above the footnotes."""
        return self.figure.add_axes(
            (
                left / self.width,
                (self.floor + bottom) / self.height,
                width / self.width,
                height / self.height,
            )
        )

    def paper(self) -> Axes:
        """Axes over the whole sheet for words and boxes; one unit is 1 mm, 0 as in `axes`."""
        paper = self.figure.add_axes((0, 0, 1, 1))
        paper.set_xlim(0, self.width)
        paper.set_ylim(-self.floor, self.height - self.floor)
        paper.set_axis_off()
        return paper


@contextmanager
def drawing() -> Iterator[None]:
    """Draw with the settings of this module only, whatever the user's own matplotlibrc says."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(RC)
        yield


def sheet(
    title: str, body: float, notes: tuple[str, ...], stamp: Stamp, width: float = TWO_COLUMNS
) -> Sheet:
    """Make an empty figure of `width` mm with its title, footnotes and `body` mm between them."""
    margin, title_height, line_height = 2.0, 9.0, 2.8
    letters = int((width - 2 * margin) * POINTS_PER_MM / (FOOTNOTE_TEXT * 0.555))
    lines = [
        line
        for note in (*notes, stamp_line(stamp))
        for line in textwrap.wrap(note, letters, subsequent_indent="  ")
    ]
    floor = margin + line_height * len(lines) + 1.5
    height = floor + body + title_height
    figure = Figure(figsize=(width / MM_PER_INCH, height / MM_PER_INCH))
    FigureCanvasAgg(figure)
    figure.text(
        margin / width, 1 - 2.5 / height, title, size=TITLE_TEXT, weight="bold", va="top", ha="left"
    )
    for number, line in enumerate(lines):
        figure.text(
            margin / width,
            (floor - 2.0 - line_height * number) / height,
            line,
            size=FOOTNOTE_TEXT,
            color="#333333",
            va="top",
        )
    if stamp.synthetic:
        figure.text(
            1 - margin / width,
            1 - 2.5 / height,
            "SYNTHETIC DATA",
            size=SMALL_TEXT,
            weight="bold",
            ha="right",
            va="top",
            bbox={"boxstyle": "square,pad=0.3", "facecolor": "white", "linewidth": 0.8},
        )
    return Sheet(figure, width, height, floor)


def stamp_line(stamp: Stamp) -> str:
    """The footnote every figure ends with: where it comes from."""
    parts = [
        f"Data cut-off: {stamp.cutoff or 'none'}",
        f"derivation rules {stamp.derivation_version}",
        f"dlm {stamp.version}" + (f" ({stamp.code_revision[:12]})" if stamp.code_revision else ""),
        f"input {stamp.input_digest[:12]}",
    ]
    if stamp.synthetic:
        parts.append("SYNTHETIC DATA, no real patients")
    if stamp.excluded_records:
        parts.append(f"{stamp.excluded_records} records left out for open S1 queries")
    return "; ".join([*parts, *stamp.notes]) + "."


def save(made: Sheet, name: str, out: Path) -> list[Path]:
    """Write `name.svg` and `name.png`, without date and with ids that depend on `name` only."""
    out.mkdir(parents=True, exist_ok=True)
    svg, png = out / f"{name}.svg", out / f"{name}.png"
    with mpl.rc_context({"svg.hashsalt": name}):
        made.figure.savefig(svg, metadata={"Date": None, "Creator": "dlm", "Title": name})
    made.figure.savefig(png, dpi=PNG_DPI, metadata={"Software": "dlm"})
    return [svg, png]
