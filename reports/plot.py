"""Line plots as inline SVG: colours come from the page, so that they follow its theme, and a title and a description are there for screen readers."""

from collections.abc import Sequence
from html import escape
from math import ceil, floor, log10

WIDTH, HEIGHT = 560, 200
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 12, 34, 34
_TICKS = 4


def line_plot(title: str, points: Sequence[tuple[float, float]], x_name: str, y_name: str) -> str:
    """A plot of points in the order of x. Fewer than two points are said in words."""
    if len(points) < 2:
        return f'<p class="note">{escape(title)}: too few batches for a plot.</p>'
    right, top = max(x for x, _ in points) or 1.0, max(y for _, y in points) or 1.0
    x_ticks, y_ticks = _ticks(right), _ticks(top)
    top = max(top, y_ticks[-1])

    def place(x: float, y: float) -> tuple[float, float]:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * x / right, HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * y / top

    path = " ".join(f"{'M' if not at else 'L'}{x:.1f} {y:.1f}" for at, (x, y) in enumerate(place(*point) for point in points))
    parts = [
        f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(_described(title, points, x_name, y_name))}">',
        f'<text class="title" x="8" y="16">{escape(title)}</text>',
    ]
    for tick in y_ticks:
        x, y = place(0, tick)
        parts.append(f'<line class="grid" x1="{x:.1f}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{_short(tick)}</text>')
    for tick in x_ticks:
        x, y = place(tick, 0)
        parts.append(f'<text x="{x:.1f}" y="{y + 15:.1f}" text-anchor="middle">{_short(tick)}</text>')
    parts.append(f'<path class="line" d="{path}"/>')
    parts.append(f'<text class="axis" x="{(WIDTH + _LEFT) / 2:.0f}" y="{HEIGHT - 4}" text-anchor="middle">{escape(x_name)}</text></svg>')
    return "".join(parts)


def _described(title: str, points: Sequence[tuple[float, float]], x_name: str, y_name: str) -> str:
    (first_x, first_y), (last_x, last_y) = points[0], points[-1]
    return f"{title}: {y_name} from {_short(first_y)} at {_short(first_x)} to {_short(last_y)} at {_short(last_x)} {x_name}"


def _ticks(top: float) -> list[float]:
    """Round numbers from 0 up to the greatest value, or to the one before it."""
    rough = top / _TICKS
    power = 10.0 ** floor(log10(rough)) if rough > 0 else 1.0
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    return [step * number for number in range(ceil(top / step) + 1) if step * number <= top * 1.0001] or [0.0, top]


def _short(value: float) -> str:
    for limit, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= limit:
            return f"{value / limit:.3g}{letter}"
    return f"{value:.3g}"
