"""Kaplan-Meier figure of any data: what `dlm km --figure` draws, with the numbers at risk below."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from dlm.errors import UsageError
from dlm.figures.style import BLACK, BLUE, GREEN, MM_PER_INCH, PNG_DPI, RC, VERMILLION, drawing
from dlm.marts import Row

if TYPE_CHECKING:
    from dlm.km import Estimates, Request

_COLOURS = (BLUE, VERMILLION, GREEN, BLACK)
_DASHES = ("solid", (0, (4, 1.6)), (0, (1, 1)), (0, (5, 1, 1, 1)))
_OTHER_FONTS = (
    *("Noto Sans CJK JP", "Noto Sans JP", "IPAexGothic", "IPAGothic", "Hiragino Sans"),
    *("Yu Gothic", "MS Gothic", "Meiryo", "Arial Unicode MS"),
)
"""Fonts of other machines that have Japanese letters, which DejaVu lacks."""
_WIDTH, _PLOT, _ROW = 180.0, 80.0, 4.5


def draw_curves(found: Estimates, request: Request, path: Path) -> None:
    """Draw every group's curve with its interval into `path` (.svg, .png or .pdf).

    Args:
        found: what `dlm km` estimated.
        request: what was asked: the unit of times, the landmark, the kind of intervals.
        path: file to write; the same estimates give the same bytes.
    """
    groups = [row["group"] for row in found.summary]
    # names are names: no $formula$ in them
    settings: dict[Any, Any] = {
        "svg.hashsalt": "km",
        "text.parse_math": False,
        "font.family": _fonts("".join(groups)),
    }
    with drawing(), mpl.rc_context(settings):
        below = _ROW * (len(groups) + 1) + 14
        height = _PLOT + below + 8
        figure = Figure(figsize=(_WIDTH / MM_PER_INCH, height / MM_PER_INCH))
        FigureCanvasAgg(figure)
        axes = figure.add_axes(
            (34 / _WIDTH, below / height, 140 / _WIDTH, _PLOT / height),
        )
        steps = {group: [row for row in found.curve if row["group"] == group] for group in groups}
        lines = []
        for number, group in enumerate(groups):
            # four groups differ in both colour and line, so that grey print tells them apart
            dashes = _DASHES[(number + number // len(_COLOURS)) % len(_DASHES)]
            lines.append(_draw(axes, steps[group], dashes, _COLOURS[number % len(_COLOURS)]))
        last = max(row["time"] for row in found.curve) or 1
        axes.set_xlim(0, last)
        axes.set_ylim(0, 1.02)
        ticks = [tick for tick in MaxNLocator(8).tick_values(0, last) if 0 <= tick <= last]
        axes.set_xticks(ticks)
        since = "" if request.landmark is None else f" since the landmark, {request.landmark:g}"
        axes.set_xlabel(f"Time{since} ({request.unit})")
        level = f"{100 * request.confidence_level:g} %"
        axes.set_ylabel(f"Survival ({level} {request.conf_type} intervals)")
        axes.legend(lines, groups, frameon=False)
        _write_at_risk(axes, steps, ticks)
        p_value = found.comparison[0]["p"]
        if p_value is not None:
            told = "p < 0.001" if p_value < 0.001 else f"p = {p_value:.3f}"
            axes.set_title(f"Log-rank {told}", loc="right", fontsize="medium")
        suffix = path.suffix.lower()
        metadata = {".svg": {"Date": None}, ".pdf": {"CreationDate": None}}.get(suffix, {})
        figure.savefig(path, dpi=PNG_DPI, metadata=metadata)


def _fonts(letters: str) -> list[str]:
    """Fonts that have all the letters between them: ours and, where it lacks any, one found here.

    Raises:
        UsageError: no font here has them, and the names of groups would be drawn as empty boxes.
    """
    families: list[str] = [RC["font.family"]]
    if not (wanted := {ord(letter) for letter in letters} - _drawn_by(families[0])):
        return families
    installed = {entry.name for entry in font_manager.fontManager.ttflist}
    for family in _OTHER_FONTS:
        if family in installed and wanted <= _drawn_by(family):
            return [*families, family]
    missing = "".join(sorted(chr(code) for code in wanted))
    raise UsageError(
        f"no font of this machine draws {missing} for the figure; install Noto Sans CJK or "
        "IPAexGothic, or name the groups otherwise"
    )


def _drawn_by(family: str) -> set[int]:
    return set(font_manager.get_font(font_manager.findfont(family)).get_charmap())


def _draw(axes: Axes, steps: list[Row], dashes: object, colour: str) -> Line2D:
    times = [0.0, *(row["time"] for row in steps)]
    survival = [1.0, *(row["survival"] for row in steps)]
    (line,) = axes.step(times, survival, where="post", color=colour, linestyle=dashes)
    lower, upper = (
        [1.0, *(row["survival"] if row[name] is None else row[name] for row in steps)]
        for name in ("ci_lower", "ci_upper")
    )
    axes.fill_between(times, lower, upper, step="post", facecolor=colour, alpha=0.13, linewidth=0)
    censored = [row for row in steps if row["n_censor"]]
    axes.plot(
        [row["time"] for row in censored],
        [row["survival"] for row in censored],
        linestyle="none",
        marker="|",
        markersize=5,
        color=colour,
    )
    return line


def _write_at_risk(axes: Axes, steps: dict[str, list[Row]], ticks: list[float]) -> None:
    """Under the axis, those with a time of the tick or more."""
    left, top = -0.23, -13 / _PLOT
    words = {"transform": axes.transAxes, "va": "center", "fontsize": "small"}
    axes.text(left, top, "At risk", weight="bold", **words)  # type: ignore[arg-type]
    span = axes.get_xlim()[1]
    for number, (group, rows) in enumerate(steps.items(), start=1):
        height = top - number * _ROW / _PLOT
        axes.text(left, height, group[:22], **words)  # type: ignore[arg-type]
        for tick in ticks:
            left_then = max((row["n_risk"] for row in rows if row["time"] >= tick), default=0)
            axes.text(tick / span, height, str(left_then), ha="center", **words)  # type: ignore[arg-type]
