"""Curves in the terminal, in Braille dots; plain Python, so that `stepsize show` starts at once."""

from __future__ import annotations

import math

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    Curve = tuple[str, Callable[[int], float]]

WIDTH, HEIGHT = 68, 12
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))


def draw(curves: list[Curve], steps: int) -> str:
    """The curves over `steps` updates, one panel each, on one common scale so that they can be compared.

    >>> print(draw([("0.5", lambda t: 0.5)], 10).splitlines()[0])
    0.5
    """
    sampled = [(text, _sample(function, steps)) for text, function in curves]
    top = max(max(column) for _, columns in sampled for column in columns)
    return "\n\n".join(_panel(text, columns, top, steps) for text, columns in sampled)


def _sample(function: Callable[[int], float], steps: int) -> list[list[float]]:
    """For every dot column, the values that fall into it: its first step, its middle and its last."""
    dots = WIDTH * 2
    columns = []
    for x in range(dots):
        first = x * steps // dots
        last = max(first, (x + 1) * steps // dots - 1)
        columns.append([function(t) for t in dict.fromkeys((first, (first + last) // 2, last))])
    return columns


def _panel(text: str, columns: list[list[float]], top: float, steps: int) -> str:
    rows = HEIGHT * 4
    cells = [[0x2800] * WIDTH for _ in range(HEIGHT)]
    before: int | None = None
    for x, column in enumerate(columns):
        levels = [_level(value, top, rows) for value in column]
        low, high = min(levels), max(levels)
        if before is not None:
            low, high = min(low, before + 1), max(high, before - 1)
        for level in range(low, high + 1):
            y = rows - 1 - level
            cells[y // 4][x // 2] |= _DOTS[y % 4][x % 2]
        before = levels[-1]
    labels = _labels(top)
    lines = [f"{label:>10} ┤{''.join(map(chr, line))}" for label, line in zip(labels, cells, strict=True)]
    axis = f"{'':>10} └{'─' * WIDTH}"
    ends = f"{'':>12}0{f'step {steps - 1}':>{WIDTH - 1}}"
    return "\n".join([text, *lines, axis, ends])


def _level(value: float, top: float, rows: int) -> int:
    if not math.isfinite(value) or top <= 0:
        return 0
    return min(rows - 1, max(0, round(value / top * (rows - 1))))


def _labels(top: float) -> list[str]:
    """The scale at the first, the middle and the last line; empty between."""
    labels = [""] * HEIGHT
    labels[0], labels[HEIGHT // 2], labels[-1] = f"{top:.4g}", f"{top / 2:.4g}", "0"
    return labels
