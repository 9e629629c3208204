"""Pictures of the stewards' page as inline SVG. Each stands beside a table that says the same."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

WIDTH, HEIGHT = 860, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 20, 18, 52
_LABEL_WIDTH, _LABEL_HEIGHT = 34, 13


@dataclass(frozen=True)
class FunnelPoint:
    """One site of the funnel plot.

    Attributes:
        label: site_id.
        n: records of the site.
        rate: findings per 100 records.
        center: rate of the trial.
        limits: lower and upper 95 % limit, then lower and upper 99.8 % limit, at n.
        status: inside, above_95, above_998, below_95 or below_998.
    """

    label: str
    n: int
    rate: float
    center: float
    limits: tuple[float, float, float, float]
    status: str


def funnel(points: Sequence[FunnelPoint], axis_x: Markup, axis_y: Markup) -> Markup:
    """Findings per 100 records against the number of records, with the limits.

    A limit between two sites is drawn with the width that the limits have at these sites: away from
    the centre by a / sqrt(n), a going evenly from one to the other.

    Args:
        points: at least one.
        axis_x, axis_y: text elements' content, in both languages.

    Returns:
        The picture, hidden from screen readers: the table beside it has its numbers.
    """
    points = sorted(points, key=lambda point: (point.n, point.label))
    low, high = points[0].n, points[-1].n
    margin = max((high - low) * 0.06, high * 0.03, 1)
    start, stop = max(low - margin, low * 0.5), high + margin
    curves = [_curve(points, which, start, stop) for which in range(4)]
    top = max(max(point.rate for point in points), max(y for x, y in curves[3] if low <= x), 1e-9)
    step = _step(top / 5)
    top = step * math.ceil(top * 1.04 / step)

    def x(n: float) -> float:
        return round(_LEFT + (n - start) / (stop - start) * (WIDTH - _LEFT - _RIGHT), 1)

    def y(rate: float) -> float:
        share = min(max(rate, 0), top) / top
        return round(HEIGHT - _BOTTOM - share * (HEIGHT - _TOP - _BOTTOM), 1)

    parts = [f'<svg class="funnel" viewBox="0 0 {WIDTH} {HEIGHT}" aria-hidden="true">']
    for number in range(round(top / step) + 1):
        level = number * step
        parts.append(
            f'<line class="grid" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y(level)}"'
            f' y2="{y(level)}"/>'
            f'<text class="tick" x="{_LEFT - 8}" y="{y(level) + 4}" text-anchor="end">'
            f"{level:g}</text>"
        )
    step_x = _step((stop - start) / 6)
    for number in range(math.ceil(start / step_x), math.floor(stop / step_x) + 1):
        n = number * step_x
        parts.append(
            f'<line class="tickline" x1="{x(n)}" x2="{x(n)}" y1="{HEIGHT - _BOTTOM}"'
            f' y2="{HEIGHT - _BOTTOM + 5}"/>'
            f'<text class="tick" x="{x(n)}" y="{HEIGHT - _BOTTOM + 18}" text-anchor="middle">'
            f"{n:,.0f}</text>"
        )
    center = [point.center for point in points]
    parts.append(
        f'<line class="center" x1="{x(start)}" x2="{x(stop)}" y1="{y(center[0])}"'
        f' y2="{y(center[0])}"/>'
    )
    for which, curve in enumerate(curves):
        drawn = " ".join(f"{x(n)},{y(rate)}" for n, rate in curve if rate <= top)
        parts.append(f'<polyline class="limit-{95 if which < 2 else 998}" points="{drawn}"/>')
    places = [(x(point.n), y(point.rate)) for point in points]
    for point, (left, up) in zip(points, places, strict=True):
        parts.append(_mark(point.status, left, up))
    for point, (left, up, anchor) in zip(points, _labels(points, places), strict=True):
        strong = "" if point.status == "inside" else ' class="strong"'
        parts.append(
            f'<text{strong} x="{left:.1f}" y="{up:.1f}" text-anchor="{anchor}">'
            f"{escape(point.label)}</text>"
        )
    parts.append(
        f'<line class="axis" x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{HEIGHT - _BOTTOM}"'
        f' y2="{HEIGHT - _BOTTOM}"/>'
        f'<text class="axis-title" x="{(WIDTH + _LEFT) / 2}" y="{HEIGHT - 8}" text-anchor="middle">'
        f"{axis_x}</text>"
        f'<text class="axis-title" transform="translate(14 {(HEIGHT - _BOTTOM) / 2}) rotate(-90)"'
        f' text-anchor="middle">{axis_y}</text></svg>'
    )
    return Markup("".join(parts))


def _curve(
    points: Sequence[FunnelPoint], which: int, start: float, stop: float
) -> list[tuple[float, float]]:
    widths = [
        (point.n, (point.limits[which] - point.center) * math.sqrt(point.n))
        for point in points
        # A limit cut off at 0 has lost its width.
        if point.limits[which] > 0
    ]
    if not widths:
        return []
    center = points[0].center
    curve = []
    for number in range(81):
        n = start + (stop - start) * number / 80
        if n > 0:
            curve.append((n, max(center + _between(widths, n) / math.sqrt(n), 0)))
    return curve


def _between(widths: Sequence[tuple[float, float]], n: float) -> float:
    """The width at n, evenly between its neighbours; beyond the ends that of the end."""
    if n <= widths[0][0]:
        return widths[0][1]
    for (low, first), (high, second) in itertools.pairwise(widths):
        if n <= high:
            share = (n - low) / (high - low) if high > low else 1.0
            return first + share * (second - first)
    return widths[-1][1]


def _step(rough: float) -> float:
    """The number 1, 2 or 5 times a power of ten that is next above."""
    power = 10.0 ** math.floor(math.log10(rough))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)


def _mark(status: str, x: float, y: float) -> str:
    """A shape of its own for each position, so that no colour has to tell."""
    if status.startswith("above"):
        shape = f"M{x - 6},{y + 5}L{x + 6},{y + 5}L{x},{y - 6}Z"
    elif status.startswith("below"):
        shape = f"M{x - 6},{y - 5}L{x + 6},{y - 5}L{x},{y + 6}Z"
    else:
        return f'<circle class="inside" cx="{x}" cy="{y}" r="4.5"/>'
    return f'<path class="{escape(status)}" d="{shape}"/>'


def _labels(
    points: Sequence[FunnelPoint], places: Sequence[tuple[float, float]]
) -> list[tuple[float, float, str]]:
    """Where labels stand so that they cover neither marks nor each other, if there is room."""
    taken = [(x - 6, y - 6, x + 6, y + 6) for x, y in places]
    chosen: dict[int, tuple[float, float, str]] = {}
    # Sites outside the limits choose first.
    for number in sorted(range(len(points)), key=lambda i: (points[i].status == "inside", i)):
        x, y = places[number]
        options = [
            (x + 9, y + 4, "start", x + 9),
            (x - 9, y + 4, "end", x - 9 - _LABEL_WIDTH),
            (x, y - 10, "middle", x - _LABEL_WIDTH / 2),
            (x, y + 19, "middle", x - _LABEL_WIDTH / 2),
            (x + 9, y - 9, "start", x + 9),
            (x + 9, y + 17, "start", x + 9),
            (x - 9, y - 9, "end", x - 9 - _LABEL_WIDTH),
            (x - 9, y + 17, "end", x - 9 - _LABEL_WIDTH),
        ]
        boxes = [
            (left, base - _LABEL_HEIGHT + 2, left + _LABEL_WIDTH, base + 2)
            for _, base, _, left in options
        ]
        covered = [sum(_overlap(box, other) for other in taken) for box in boxes]
        beyond = [
            (left < _LEFT) + (right > WIDTH) + (down > HEIGHT - _BOTTOM) * 3
            for left, _, right, down in boxes
        ]
        costs = [cost + 500 * out for cost, out in zip(covered, beyond, strict=True)]
        best = min(range(len(options)), key=lambda i: (costs[i], i))
        taken.append(boxes[best])
        chosen[number] = options[best][:3]
    return [chosen[number] for number in range(len(points))]


def _overlap(a: tuple[float, float, float, float], b: tuple[float, float, float, float]) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    return max(wide, 0) * max(high, 0)


def sparkline(values: Sequence[float | None], top: float | None = None) -> Markup:
    """Values over the deliveries as a small line; gaps where nothing was evaluated.

    Args:
        values: earliest first.
        top: value at the upper edge; by default the greatest.

    Returns:
        The picture, hidden from screen readers.
    """
    width, height = 84, 22
    known = [value for value in values if value is not None]
    if not known:
        return Markup("")
    highest = max(top if top is not None else max(known), 1e-9)
    step = (width - 8) / max(len(values) - 1, 1)
    spots = [
        None
        if value is None
        else (
            round(4 + step * number if len(values) > 1 else width / 2, 1),
            round(height - 4 - (height - 8) * min(value / highest, 1), 1),
        )
        for number, value in enumerate(values)
    ]
    return Markup(
        f'<svg class="spark" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' aria-hidden="true">{_lines(spots)}{_last_dot(spots)}</svg>'
    )


Spot = tuple[float, float] | None


def _lines(spots: Sequence[Spot], css: str = "line") -> str:
    """Lines through the spots, broken where one is missing; lone ones become dots."""
    parts = []
    for known, group in itertools.groupby(spots, key=lambda spot: spot is not None):
        run = [spot for spot in group if spot is not None]
        if known and len(run) > 1:
            drawn = " ".join(f"{x},{y}" for x, y in run)
            parts.append(f'<polyline class="{css}" points="{drawn}"/>')
        elif known:
            parts.append(f'<circle class="dot" cx="{run[0][0]}" cy="{run[0][1]}" r="1.6"/>')
    return "".join(parts)


def _last_dot(spots: Sequence[Spot]) -> str:
    last = spots[-1] if spots else None
    return f'<circle class="dot" cx="{last[0]}" cy="{last[1]}" r="2.6"/>' if last else ""


def small_multiple(
    severe: Sequence[float | None], other: Sequence[float | None], top: float
) -> Markup:
    """Two lines over the deliveries: findings of severity S1 and S2, and of S3 and S4.

    Args:
        severe, other: counts, earliest first; None where the site was not evaluated.
        top: count at the upper edge, one for all pictures, so that they can be compared.

    Returns:
        The picture, hidden from screen readers.
    """
    width, height = 150, 64
    step = (width - 12) / max(len(severe) - 1, 1)

    def spots(values: Sequence[float | None]) -> list[Spot]:
        return [
            None
            if value is None
            else (
                round(6 + step * number if len(values) > 1 else width / 2, 1),
                round(height - 6 - (height - 12) * min(value / max(top, 1), 1), 1),
            )
            for number, value in enumerate(values)
        ]

    above, below = spots(severe), spots(other)
    return Markup(
        f'<svg viewBox="0 0 {width} {height}" aria-hidden="true">'
        f'<line class="grid" x1="2" x2="{width - 2}" y1="{height - 6}" y2="{height - 6}"/>'
        f"{_lines(below, 'line other')}{_last_dot(below)}"
        f"{_lines(above)}{_last_dot(above)}</svg>"
    )


GLYPHS = {
    "fail": (1.5, "1.5h9v9h-9z"),
    "warn": (6, "1l5 9.5h-10z"),
    "error": (2, "2l8 8m0-8l-8 8"),
    "pass_with_rows": (9.6, "6a3.6 3.6 0 1 1-7.2 0a3.6 3.6 0 1 1 7.2 0"),
    "pass": (6, "6h.01"),
    "not_evaluated": (2, "6h8"),
    "not_applicable": (5, "6h2"),
}
"""A shape per status, 12 by 12, so that the strip of sites needs no colour: where its path starts
from the left, and the rest of the path."""


def glyph(status: str) -> Markup:
    """The shape of a status, for a legend or a cell."""
    return Markup(
        f'<svg class="glyph {escape(status)}" viewBox="0 0 12 12" width="12" height="12"'
        f' aria-hidden="true">{_path(status, [0])}</svg>'
    )


def strip(statuses: Sequence[str | None]) -> Markup:
    """The statuses of a rule at all sites in one line, hidden from screen readers."""
    width = 12 * len(statuses)
    places: dict[str, list[int]] = {}
    for place, status in enumerate(statuses):
        if status is not None:
            places.setdefault(status, []).append(place)
    paths = "".join(_path(status, of_status) for status, of_status in places.items())
    return Markup(
        f'<svg class="strip" viewBox="0 0 {width} 12" width="{width}" height="12"'
        f' aria-hidden="true">{paths}</svg>'
    )


def _path(status: str, places: Sequence[int]) -> str:
    """The shape of a status at all its places as one path."""
    if status not in GLYPHS:
        return ""
    start, rest = GLYPHS[status]
    drawn = "".join(f"M{start + 12 * place:g} {rest}" for place in places)
    return f'<path class="{status}" d="{drawn}"/>'
