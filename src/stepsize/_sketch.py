"""Small charts as SVG text for a notebook: plain Python, no script, readable on light pages and on dark ones."""

from __future__ import annotations

import math
from dataclasses import dataclass
from html import escape

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

ON_EITHER = ("#256ff8", "#b77d19", "#d82440", "#3a9483", "#9d68fa")  # 3 to 1 on white and on a dark page (#0d1117)
GREY_ON_EITHER = "#768390"
WIDTH, HEIGHT = 400, 160
LEFT, RIGHT, TOP, BOTTOM = 60, 10, 24, 20  # what stands around the curves
WIDE = 20.0  # from this ratio of the largest to the smallest number on, the axis is a log one
MOST_LINES = 6
SPACE = "\u2003"  # of an em, between names
LETTERS = 48  # of the names of all lines
_FONT = 'font-size="11" font-family="system-ui, sans-serif"'


@dataclass(frozen=True)
class Drawn:
    """A line of a sketch: its name, its points, and whether it holds each value to the next point."""

    name: str
    steps: Sequence[float]
    values: Sequence[float]
    stepped: bool = False


def sketch(title: str, lines: Iterable[Drawn], marks: Iterable[float] = (), log: bool = False) -> str:
    """A chart of lines over the updates, with a dashed line at each mark.

    With `log` the axis is a log one where the numbers are above 0 and wide apart.

    >>> sketch("loss", [Drawn("training", [0, 1], [2.0, 1.0])]).count("<polyline")
    1
    """
    shown = [one for one in lines if any(map(math.isfinite, one.values))][:MOST_LINES]
    steps = [step for one in shown for step in one.steps]
    values = [value for one in shown for value in one.values if math.isfinite(value)]
    if not values:
        return f"<p>{escape(title)}: nothing to draw yet</p>"
    frame = _Frame(min(steps), max(steps), *_ends(values, log))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" viewBox="0 0 {WIDTH} {HEIGHT}" '
        f'role="img" style="max-width:100%;height:auto" fill="none"><title>{escape(title)}</title>',
        *_axes(frame, title),
        *(_dashed(frame.x(mark)) for mark in marks if frame.first <= mark <= frame.last),
        *(_curve(frame, one, _ink(i)) for i, one in enumerate(shown)),
        *_names(shown),
        "</svg>",
    ]
    return "".join(parts)


def beside(charts: Iterable[str], about: str) -> str:
    """Charts beside each other, with a sentence below them."""
    return (
        f'<div><div style="display:flex;flex-wrap:wrap;gap:8px">{"".join(charts)}</div>'
        f'<div style="font-size:12px">{escape(about)}</div></div>'
    )


@dataclass(frozen=True)
class _Frame:
    """Where numbers stand in the chart."""

    first: float
    last: float
    low: float
    high: float
    log: bool

    def x(self, step: float) -> float:
        """The place of an update, from the left."""
        span = self.last - self.first
        return LEFT + (WIDTH - LEFT - RIGHT) * ((step - self.first) / span if span else 0.5)

    def y(self, value: float) -> float:
        """The place of a number, from above; one that the axis cannot show stands at its foot."""
        low, high, at = self.low, self.high, value
        if self.log:
            low, high, at = math.log(low), math.log(high), math.log(max(value, low))
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * ((at - low) / (high - low) if high > low else 0.5)


def _ends(values: list[float], log: bool) -> tuple[float, float, bool]:
    """The lowest and the highest number that are shown, and whether by powers of ten."""
    low, high = min(values), max(values)
    log = log and low > 0 and high / low >= WIDE
    return (low, high, True) if log else (min(low, 0.0) if low >= 0 else low, high, False)


def _axes(frame: _Frame, title: str) -> list[str]:
    """The lowest and the highest number, the first and the last update, and what is drawn."""
    foot = HEIGHT - BOTTOM
    return [
        f'<path d="M{LEFT} {TOP}V{foot}H{WIDTH - RIGHT}" stroke="{GREY_ON_EITHER}"/>',
        _text(LEFT - 5, TOP + 8, f"{frame.high:.3g}", "end"),
        _text(LEFT - 5, foot, f"{frame.low:.3g}", "end"),
        _text(LEFT, HEIGHT - 6, f"{frame.first:g}", "start"),
        _text(WIDTH - RIGHT, HEIGHT - 6, f"{frame.last:g}", "end"),
        _text((WIDTH + LEFT) / 2, HEIGHT - 6, f"{title}{' (log)' if frame.log else ''}", "middle"),
    ]


def _curve(frame: _Frame, one: Drawn, ink: str) -> str:
    """A line, with gaps where a number is missing."""
    pieces: list[list[str]] = [[]]
    before: float | None = None
    for step, value in zip(one.steps, one.values, strict=True):
        if not math.isfinite(value):
            pieces.append([])
            before = None
            continue
        x, y = frame.x(step), frame.y(value)
        if one.stepped and before is not None:
            pieces[-1].append(f"{x:.1f},{before:.1f}")
        pieces[-1].append(f"{x:.1f},{y:.1f}")
        before = y
    drawn = (f'<polyline points="{" ".join(piece)}" stroke="{ink}" stroke-width="1.3"/>' for piece in pieces if piece)
    return "".join(drawn)


def _names(lines: list[Drawn]) -> list[str]:
    """The names of several lines in their colours, above the chart."""
    if len(lines) < 2:
        return []
    most = LETTERS // len(lines)
    names = [one.name if len(one.name) <= most else f"{one.name[: most - 1]}…" for one in lines]
    spans = (f'<tspan fill="{_ink(i)}">{escape(name)}</tspan>' for i, name in enumerate(names))
    return [f'<text x="{LEFT}" y="13" {_FONT}>{SPACE.join(spans)}</text>']


def _ink(i: int) -> str:
    return ON_EITHER[i % len(ON_EITHER)]


def _dashed(x: float) -> str:
    foot = HEIGHT - BOTTOM
    return f'<path d="M{x:.1f} {TOP}V{foot}" stroke="{GREY_ON_EITHER}" stroke-dasharray="3 3"/>'


def _text(x: float, y: float, text: str, anchor: str, ink: str = GREY_ON_EITHER) -> str:
    return f'<text x="{x:g}" y="{y:g}" fill="{ink}" text-anchor="{anchor}" {_FONT}>{escape(text)}</text>'
