"""The clips that only look at one length, on that length as a plain number: their own text, without a pass or a tensor.

A `Number` is an array of one element whose namespace computes with Python's floats. A clip that is handed its length
as such an array shortens it as it would shorten the gradient, which tells the factor.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ....clipping.norm import clip_norm
from ....clipping.percentile import percentile
from ....clipping.zclip import zclip
from ....descents import Clip, RuleState

BY_LENGTH: tuple[type[Clip], ...] = (clip_norm, zclip, percentile)  # which only scale, by the length of everything


def factor_for(one: Clip, length: float, state: RuleState) -> tuple[float, bool, RuleState]:
    """What a clip multiplies by where everything is so long, whether it limits, and its next state."""
    told: Any = np.asarray(length) if isinstance(one, percentile) else Number(length)  # it sorts a hundred of them
    about = {"grads": {"": told}, "rules": {}}
    shorter, share, after = one.step({"": told}, {"": told}, _plain(state), about)
    limits = bool(float(share))
    return (float(shorter[""]) / length if limits else 1.0), limits, _plain(after)


def _plain(state: Any) -> Any:
    """A state in plain numbers, as files take it."""
    if isinstance(state, dict):
        return {key: _plain(one) for key, one in state.items()}
    return tuple(float(one) for one in state) if isinstance(state, (tuple, list)) else float(state)


def _over(one: float, other: float) -> float:
    """A quotient as arrays have it."""
    if other:
        return float.__truediv__(float(one), float(other))
    return math.copysign(math.inf, one) if one and one == one else math.nan


class Number(float):
    """A float that is an array of one element to the text of a clip."""

    __slots__ = ()
    ndim, shape, dtype = 1, (1,), "float64"

    def __array_namespace__(self) -> Any:
        return _Plain

    def __add__(self, other: float) -> Number:
        return Number(float.__add__(self, other))

    def __sub__(self, other: float) -> Number:
        return Number(float.__sub__(self, other))

    def __rsub__(self, other: float) -> Number:
        return Number(float.__rsub__(self, other))

    def __mul__(self, other: float) -> Number:
        return Number(float.__mul__(self, other))

    def __truediv__(self, other: float) -> Number:
        return Number(_over(self, other))

    def __rtruediv__(self, other: float) -> Number:
        return Number(_over(other, self))

    __radd__, __rmul__ = __add__, __mul__


class _Plain:
    """What the text of a clip asks of an array's namespace, for one number."""

    __name__ = "plain"
    float64 = "float64"

    @staticmethod
    def where(condition: bool, one: float, other: float) -> Number:
        return Number(one if condition else other)

    @staticmethod
    def clip(one: float, low: float | None, high: float | None) -> Number:
        least = -math.inf if low is None else low
        return Number(one if one != one else min(max(one, least), math.inf if high is None else high))

    @staticmethod
    def finfo(dtype: str) -> Any:
        return np.finfo(dtype)

    isfinite = staticmethod(math.isfinite)

    @staticmethod
    def sqrt(one: float) -> Number:
        return Number(math.sqrt(one) if one >= 0 else math.nan)

    @staticmethod
    def hypot(one: float, other: float) -> Number:
        return Number(math.hypot(one, other))

    @staticmethod
    def abs(one: float) -> Number:
        return Number(abs(one))

    @staticmethod
    def maximum(one: float, other: float) -> Number:
        return Number(max(one, other))

    @staticmethod
    def astype(one: float, dtype: str) -> Number:
        return Number(one)

    @staticmethod
    def same(one: float, *how: Any, **named: Any) -> Number:
        return Number(one)

    reshape = asarray = sum = max = same

    @staticmethod
    def ones_like(one: float) -> Number:
        return Number(1.0)

    @staticmethod
    def zeros_like(one: float) -> Number:
        return Number(0.0)
