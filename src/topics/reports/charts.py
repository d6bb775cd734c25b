"""SVG charts for pages without network or scripts."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

Point = tuple[float, float]

_LEFT, _TOP, _WIDTH, _HEIGHT, _BOTTOM = 40, 12, 300, 220, 40
_RIGHT = 12


def chart(
    x_label: str,
    y_label: str,
    line: Sequence[Point] = (),
    *,
    dots: Sequence[Point] = (),
    sizes: Sequence[float] = (),
    marked: Point | None = None,
    diagonal: bool = False,
    ticks: Sequence[str] = (),
    y_ticks: Sequence[str] = (),
    y_from: float = 0.0,
) -> str:
    """Draw a line and dots in the unit square, or in its upper part, as SVG.

    Args:
        x_label: text below.
        y_label: text above.
        line: points from left to right.
        dots: points drawn as circles.
        sizes: area of each dot relative to the largest, 0 to 1.
        marked: a highlighted point.
        diagonal: draw the line of perfect calibration.
        ticks: labels of the axes, evenly spaced.
        y_ticks: labels of the vertical axis, if different.
        y_from: start of the vertical axis.
    """

    def at(point: Point) -> str:
        y = (point[1] - y_from) / (1 - y_from)
        return f"{_LEFT + point[0] * _WIDTH:.1f},{_TOP + (1 - y) * _HEIGHT:.1f}"

    def circle(point: Point, radius: float, name: str) -> str:
        x, y = at(point).split(",")
        return f'<circle class="{name}" cx="{x}" cy="{y}" r="{radius:.1f}"/>'

    parts = [_grid(ticks, y_ticks or ticks, y_from)]
    if diagonal:
        parts.append(f'<polyline class="ideal" points="{at((0, 0))} {at((1, 1))}"/>')
    shown = [point for point in line if point[1] >= y_from]
    if shown:
        parts.append(f'<polyline class="line" points="{" ".join(map(at, shown))}"/>')
    areas = sizes or [0.4] * len(dots)
    parts += [circle(dot, 2.5 + 6 * area**0.5, "dot") for dot, area in zip(dots, areas, strict=True)]
    if marked and marked[1] >= y_from:
        parts.append(circle(marked, 6, "marked"))
    across, down = _LEFT + _WIDTH / 2, _TOP + _HEIGHT + 34
    parts.append(f'<text class="label" x="{across}" y="{down}" text-anchor="middle">{escape(x_label)}</text>')
    size = f"{_LEFT + _WIDTH + _RIGHT} {_TOP + _HEIGHT + _BOTTOM}"
    return (
        f'<figure><figcaption>{escape(y_label)}</figcaption><svg viewBox="0 0 {size}" role="img" '
        f'aria-label="{escape(y_label)}: {escape(x_label)}">{"".join(parts)}</svg></figure>'
    )


def _grid(ticks: Sequence[str], y_ticks: Sequence[str], y_from: float) -> str:
    parts, bottom = [], _TOP + _HEIGHT
    for i, tick in enumerate(ticks):
        x = _LEFT + i / max(len(ticks) - 1, 1) * _WIDTH
        parts.append(f'<line class="grid" x1="{x:.1f}" y1="{_TOP}" x2="{x:.1f}" y2="{bottom}"/>')
        parts.append(f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle">{escape(tick)}</text>')
    for i, tick in enumerate(y_ticks):
        y = bottom - i / max(len(y_ticks) - 1, 1) * _HEIGHT
        parts.append(f'<line class="grid" x1="{_LEFT}" y1="{y:.1f}" x2="{_LEFT + _WIDTH}" y2="{y:.1f}"/>')
        if y_from == 0:
            parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{escape(tick)}</text>')
    if y_from:
        for share in (0.0, 0.5, 1.0):
            value = f"{100 * (y_from + share * (1 - y_from)):.0f}"
            y = _TOP + _HEIGHT - share * _HEIGHT
            parts.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value}</text>')
    return "".join(parts)
