"""The kinds of what an option or an argument takes, each with an error that says what to write."""

from __future__ import annotations

from typing import Any

import click as plain

from .._language import say
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
            least = max(self.min or 0, 10)
            self.fail(say("{value!r} is not a whole number, such as {example}", value=value, example=least), param, ctx)
        return super().convert(whole, param, ctx)


class Above(plain.FloatRange):
    """A number above 0, up to a bound where there is one; a share may be written as 30%."""

    def __init__(self, high: float | None = None) -> None:
        super().__init__(0, high, min_open=True)

    def convert(self, value: Any, param: plain.Parameter | None, ctx: plain.Context | None) -> Any:
        text = str(value).strip()
        try:
            number = float(text.removesuffix("%")) / 100 if self.max is not None and text.endswith("%") else float(text)
        except ValueError:
            example = 0.3 if self.max is not None else 0.001
            self.fail(say("{value!r} is not a number, such as {example:g}", value=value, example=example), param, ctx)
        return super().convert(number, param, ctx)


def _whole(text: str) -> int:
    if text.strip().lstrip("+-").isdecimal():
        return int(text)
    number = float(text)
    if number != int(number):
        raise ValueError(text)
    return int(number)


class Rates(plain.ParamType[tuple[float, ...]]):
    """LOW:HIGH:N, a log grid of base rates, or a list of them with commas."""

    name = "RATES"

    def convert(self, value: Any, param: plain.Parameter | None, ctx: plain.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        return self._grid(value, param, ctx) if ":" in value else self._list(value, param, ctx)

    def _grid(self, value: str, param: plain.Parameter | None, ctx: plain.Context | None) -> tuple[float, ...]:
        try:
            low, high, count = value.split(":")
            grid = float(low), float(high), int(count)
        except ValueError:
            told = say("{value!r} is not LOW:HIGH:N, such as 1e-4:1:9, nor a list such as 0.01,0.1", value=value)
            self.fail(told, param, ctx)
        if not (0 < grid[0] < grid[1] < float("inf") and 2 <= grid[2] <= 1000):
            told = say("{value!r} must have 0 < LOW < HIGH and N from 2 to 1000, such as 1e-4:1:9", value=value)
            self.fail(told, param, ctx)
        return grid

    def _list(self, value: str, param: plain.Parameter | None, ctx: plain.Context | None) -> tuple[float, ...]:
        try:
            rates = tuple(float(one) for one in value.split(",") if one.strip())
        except ValueError:
            rates = ()
        if not rates or not all(0 < one < float("inf") for one in rates):
            told = say("{value!r} is neither LOW:HIGH:N nor a list of rates above 0, such as 0.01,0.1,1", value=value)
            self.fail(told, param, ctx)
        return rates


class Sizes(plain.ParamType[tuple[int, int]]):
    """OLD:NEW, two whole numbers from 1 on."""

    name = "SIZES"

    def convert(self, value: Any, param: plain.Parameter | None, ctx: plain.Context | None) -> Any:
        if isinstance(value, tuple):
            return value
        try:
            old, new = (_whole(one) for one in value.split(":"))
        except (ValueError, OverflowError):
            self.fail(say("{value!r} is not OLD:NEW, two whole numbers such as 256:4096", value=value), param, ctx)
        if min(old, new) < 1:
            self.fail(say("{value!r} must have two sizes from 1 on, such as 256:4096", value=value), param, ctx)
        return old, new
