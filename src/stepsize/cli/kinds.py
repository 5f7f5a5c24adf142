"""The kinds of what an option or an argument takes, each with an error that says what to write."""

from __future__ import annotations

from typing import Any

import click as plain

from .typed import SHIELD


class Expression(plain.ParamType[str]):
    """An expression; one that begins with a minus is told that a rate is at least 0, and is no option."""

    name = "EXPR"

    def convert(self, value: Any, param: plain.Parameter | None, ctx: plain.Context | None) -> Any:
        return value.removeprefix(SHIELD)


class Whole(plain.IntRange):
    """A whole number within bounds; 1e3 and 1000.0 are whole too."""

    def convert(self, value: Any, param: plain.Parameter | None, ctx: plain.Context | None) -> Any:
        try:
            whole = value if isinstance(value, int) else _whole(str(value))
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is not a whole number, such as {max(self.min or 0, 10)}", param, ctx)
        return super().convert(whole, param, ctx)


def _whole(text: str) -> int:
    if text.strip().lstrip("+-").isdecimal():
        return int(text)
    number = float(text)
    if number != int(number):
        raise ValueError(text)
    return int(number)


class RateGrid(plain.ParamType[tuple[float, float, int]]):
    """LOW:HIGH:N, a log grid of base rates."""

    name = "LOW:HIGH:N"

    def convert(self, value: Any, param: plain.Parameter | None, ctx: plain.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        try:
            low, high, count = value.split(":")
            grid = float(low), float(high), int(count)
        except ValueError:
            self.fail(f"{value!r} is not LOW:HIGH:N, such as 1e-4:1:9", param, ctx)
        if not (0 < grid[0] < grid[1] < float("inf") and 2 <= grid[2] <= 1000):
            self.fail(f"{value!r} must have 0 < LOW < HIGH and N from 2 to 1000, such as 1e-4:1:9", param, ctx)
        return grid
