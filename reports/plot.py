"""Plots as inline SVG: colours come from the page, so that they follow its theme, and a title and a description are there for screen readers.

line_plot    points over a quantity, such as seconds
trend_plot   a value of each campaign, one beside the other, as far apart as the next
"""

from collections.abc import Iterator, Sequence
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
    places = [(_x(x / right), _y(y / top)) for x, y in points]
    parts = [*_head(title, _described(title, points, x_name, y_name)), *_grid(y_ticks, top)]
    parts += [_below(_x(tick / right), _short(tick)) for tick in x_ticks]
    return "".join((*parts, _line(places), *_foot(x_name)))


_NAMES, _LETTERS = 8, 12
"""Campaigns that have their names below them, and letters of a name: for more there is no room."""


def trend_plot(title: str, values: Sequence[tuple[str, float]], y_name: str) -> str:
    """A plot of a value of each campaign, by name, the last one last. One alone is said in words."""
    if len(values) < 2:
        return f'<p class="note">{escape(title)}: one campaign alone has no trend.</p>'
    top = max(value for _, value in values) or 1.0
    ticks = _ticks(top)
    top = max(top, ticks[-1])
    count = len(values)
    places = [(_x((at + 0.5) / count), _y(value / top)) for at, (_, value) in enumerate(values)]
    (first_name, first), (last_name, last) = values[0], values[-1]
    description = f"{title}: {y_name} from {_short(first)} in {first_name} to {_short(last)} in {last_name}, {count} campaigns"
    parts = [*_head(title, description), *_grid(ticks, top), _line(places)]
    for at, ((name, value), (x, y)) in enumerate(zip(values, places, strict=True)):
        told = f"{name}: {value:g} {y_name}"
        parts.append(f'<circle class="dot" cx="{x:.1f}" cy="{y:.1f}" r="4"><title>{escape(told)}</title></circle>')
        if count <= _NAMES:
            parts.append(_below(x, name if len(name) <= _LETTERS else f"…{name[1 - _LETTERS :]}"))
        elif at in (0, count - 1):
            parts.append(_below(x, str(at + 1)))
    return "".join((*parts, *_foot("campaigns, the last one last")))


def _x(share: float) -> float:
    return _LEFT + (WIDTH - _LEFT - _RIGHT) * share


def _y(share: float) -> float:
    return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * share


def _head(title: str, description: str) -> Iterator[str]:
    yield f'<svg class="plot" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(description)}">'
    yield f'<text class="title" x="8" y="16">{escape(title)}</text>'


def _grid(ticks: Sequence[float], top: float) -> Iterator[str]:
    for tick in ticks:
        x, y = _x(0), _y(tick / top)
        yield f'<line class="grid" x1="{x:.1f}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{x - 6:.1f}" y="{y + 4:.1f}" text-anchor="end">{_short(tick)}</text>'


def _below(x: float, text: str) -> str:
    return f'<text x="{x:.1f}" y="{_y(0) + 15:.1f}" text-anchor="middle">{escape(text)}</text>'


def _line(places: Sequence[tuple[float, float]]) -> str:
    path = " ".join(f"{'L' if at else 'M'}{x:.1f} {y:.1f}" for at, (x, y) in enumerate(places))
    return f'<path class="line" d="{path}"/>'


def _foot(x_name: str) -> Iterator[str]:
    yield f'<text class="axis" x="{(WIDTH + _LEFT) / 2:.0f}" y="{HEIGHT - 4}" text-anchor="middle">{escape(x_name)}</text></svg>'


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
