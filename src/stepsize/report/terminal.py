"""Curves in the terminal, in Braille dots; plain Python, so that `stepsize show` starts at once."""

from __future__ import annotations

import math

from .._language import say

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    Curve: TypeAlias = tuple[str, Callable[[int], float], list[tuple[int, str]]]
    Cells: TypeAlias = list[list[str]]

WIDTH, HEIGHT = 68, 12
SCALE = 12  # what stands left of the curve
NARROWEST = 8
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
_INKS = (34, 31, 32, 35, 33, 36)  # the terminal's own blue, red, green, magenta, yellow, cyan
_MOST_MARKS = 8
MOST_COUNTED = 1000  # of more marks than these a picture is given one a column, and their number is not told


def draw(curves: list[Curve], steps: int, colour: bool = False, width: int = WIDTH) -> str:
    """The curves (text, value at t, boundaries) over `steps` updates, on one scale, `width` cells wide.

    With `colour` several curves lie over each other; without, where they could not be told apart, each has a panel.

    >>> print(draw([("0.5", lambda t: 0.5, [])], 10).splitlines()[0])
    0.5
    """
    sampled = [_sample(function, steps, width) for _, function, _ in curves]
    top = max(max(column) for columns in sampled for column in columns)
    if colour and len(curves) > 1:
        return _overlay(curves, sampled, top, steps)
    panels = [
        "\n".join([text, *_panel(_dotted(columns, top), top, steps, marks)])
        for (text, _, marks), columns in zip(curves, sampled, strict=True)
    ]
    return "\n\n".join(panels)


def _overlay(curves: list[Curve], sampled: list[list[list[float]]], top: float, steps: int) -> str:
    """All curves in one panel, each in its ink; where they meet the later one is seen."""
    layers = [_dotted(columns, top) for columns in sampled]
    cells = [[" "] * len(layers[0][0]) for _ in range(HEIGHT)]
    for i, layer in enumerate(layers):
        for y, line in enumerate(layer):
            for x, dots in enumerate(line):
                if dots != chr(0x2800):
                    cells[y][x] = _inked(dots, i)
    titles = [f"{_inked('━━', i)} {text}" for i, (text, _, _) in enumerate(curves)]
    marks = sorted({mark for _, _, found in curves for mark in found})
    return "\n".join([*titles, *_panel(cells, top, steps, marks)])


def _inked(text: str, i: int) -> str:
    return f"\x1b[{_INKS[i % len(_INKS)]}m{text}\x1b[0m"


def _sample(function: Callable[[int], float], steps: int, width: int) -> list[list[float]]:
    """For every dot column, the values that fall into it: its first step, its middle and its last."""
    dots = width * 2
    columns = []
    for x in range(dots):
        first = x * steps // dots
        last = max(first, (x + 1) * steps // dots - 1)
        columns.append([function(t) for t in dict.fromkeys((first, (first + last) // 2, last))])
    return columns


def _dotted(columns: list[list[float]], top: float) -> Cells:
    """The cells of one curve; neighbouring columns are joined, so that a jump is a line."""
    rows = HEIGHT * 4
    cells = [[0x2800] * (len(columns) // 2) for _ in range(HEIGHT)]
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
    return [[chr(one) for one in line] for line in cells]


def _panel(cells: Cells, top: float, steps: int, marks: list[tuple[int, str]]) -> list[str]:
    """The cells with their scale, an axis with a tick at every boundary, and what begins there."""
    lines = [f"{label:>10} ┤{''.join(line)}" for label, line in zip(_labels(top), cells, strict=True)]
    width = len(cells[0])
    axis = ["─"] * width
    for step, _ in marks:
        axis[min(width - 1, step * width // steps)] = "┴"
    lines.append(f"{'':>10} └{''.join(axis)}")
    lines.append(f"{'':>12}0{_right(say('step {step}', step=steps - 1), width - 1)}")
    lines += [f"{_right(say('from {step}', step=step), 11)} {label}" for step, label in marks[:_MOST_MARKS]]
    if len(marks) > MOST_COUNTED:
        lines.append(f"{'…':>11} {say('and more than {count} more', count=MOST_COUNTED - _MOST_MARKS)}")
    elif len(marks) > _MOST_MARKS:
        lines.append(f"{'…':>11} {say('and {count} more', count=len(marks) - _MOST_MARKS)}")
    return lines


def _right(text: str, width: int) -> str:
    """A text at the right end of so many cells; a Chinese character takes two."""
    return " " * (width - len(text) - sum("\u2e80" <= one <= "\uffe6" for one in text)) + text


def _level(value: float, top: float, rows: int) -> int:
    if not math.isfinite(value) or top <= 0:
        return 0
    return min(rows - 1, max(0, round(value / top * (rows - 1))))


def _labels(top: float) -> list[str]:
    """The scale at the first, the middle and the last line; empty between."""
    labels = [""] * HEIGHT
    labels[0], labels[HEIGHT // 2], labels[-1] = f"{top:.4g}", f"{top / 2:.4g}", "0"
    return labels
