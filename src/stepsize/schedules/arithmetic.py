"""Factors added, and the smaller or larger of several, step by step."""

from __future__ import annotations

from .._errors import StepsizeError, shown
from .._language import say
from .base import Dialect, Factor
from .combine import Several, factors
from .rate import rate

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def add(left: Factor, right: object) -> Any:
    """`+` between factors; a number or a rate on one side is an error that shows what to write."""
    if isinstance(right, Factor):
        return plus(left, right)
    if isinstance(right, rate):
        line = f"{right.base!r} * ({left} + {right.factor})"
        raise StepsizeError(say("a factor and a rate cannot be added: write {line}", line=line))
    if isinstance(right, (int, float)):
        line = f"{left} + constant({shown(right)})"
        raise StepsizeError(say("a factor and a number cannot be added: write {line}", line=line))
    return NotImplemented


class plus(Several):
    """The sum of factors, step by step: `constant(0.1) + constant(0.9) * cosine()`.

    Formula: f₁(t) + f₂(t) + …  Use it to lay a floor under a shape or to add a bump; a floor that only cuts is `clamp`.
    It lasts as long as its longest part; after the end each part holds its last value.

    >>> from stepsize import constant, linear
    >>> (constant(0.5) + linear(0.5, 0, 10))(10)
    0.5
    """

    __slots__ = ()

    def __init__(self, *parts: Factor) -> None:
        flat: list[Factor] = []
        for part in factors("plus", parts):
            flat += part.parts if isinstance(part, plus) else (part,)
        self._store(parts=tuple(flat))

    def _formula(self, t: str, write: Dialect) -> str:
        return "(" + " + ".join(part._formula(t, write) for part in self.parts) + ")"

    def __str__(self) -> str:
        if len(self.parts) == 1:
            return super().__str__()
        return " + ".join(part._summand() for part in self.parts)

    def _grouped(self) -> str:
        return f"({self})" if len(self.parts) > 1 else str(self)


class minimum(Several):
    """The smallest of several factors at every step.

    Formula: min(f₁(t), f₂(t), …). Use it where two limits meet, as in Noam's rule; to put one after the other use
    `>>`. It lasts as long as its longest part; after the end each part holds its last value.

    >>> from stepsize import constant, linear
    >>> minimum(constant(0.5), linear(1, 0, 10))(0)
    0.5
    """

    __slots__ = ()

    def __init__(self, *parts: Factor) -> None:
        self._store(parts=factors("minimum", parts))

    def _formula(self, t: str, write: Dialect) -> str:
        return _fold("least", [part._formula(t, write) for part in self.parts])


class maximum(Several):
    """The largest of several factors at every step.

    Formula: max(f₁(t), f₂(t), …). Use it for a floor that is itself a schedule; a constant floor is `clamp`.
    It lasts as long as its longest part; after the end each part holds its last value.

    >>> from stepsize import constant, linear
    >>> maximum(constant(0.5), linear(1, 0, 10))(10)
    0.5
    """

    __slots__ = ()

    def __init__(self, *parts: Factor) -> None:
        self._store(parts=factors("maximum", parts))

    def _formula(self, t: str, write: Dialect) -> str:
        return _fold("most", [part._formula(t, write) for part in self.parts])


def _fold(function: str, texts: list[str]) -> str:
    whole = texts[0]
    for text in texts[1:]:
        whole = f"{function}({whole}, {text})"
    return whole
