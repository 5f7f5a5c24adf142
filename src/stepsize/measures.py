"""Measures over all parameters of one run, whatever their shapes: one number, or one for each of many runs."""

from __future__ import annotations

import math

from ._space import as_float64, largest, like
from ._space import flat as flat
from ._space import namespace as namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

Array: TypeAlias = "Any"
Arrays: TypeAlias = "dict[str, Array]"


def share_of(flags: Arrays, many: bool) -> Array:
    """The share of elements that are true."""
    total = sum(math.prod(one.shape[1 if many else 0 :]) for one in flags.values())
    counted: Array = 0.0
    for one in flags.values():
        xp = namespace(one)
        counted = counted + xp.sum(as_float64(flat(one, many, xp), xp), axis=-1)
    return counted / max(total, 1)


def global_norm(arrays: Arrays, many: bool) -> Array:
    """The Euclidean norm over all elements, of none 0; scaled, so that squares neither overflow nor vanish."""
    rows = [(flat(one, many, namespace(one)), namespace(one)) for one in arrays.values()]
    if all(0 in row.shape for row, _ in rows):
        return rows[0][1].sum(rows[0][0], axis=-1) if rows else 0.0
    rows = [(row, xp) for row, xp in rows if 0 not in row.shape]
    peak: Array = None
    for row, xp in rows:
        top = largest(xp.abs(row), xp)
        peak = top if peak is None else xp.maximum(peak, top)
    xp = rows[0][1]
    scale = xp.where((peak > 0) & xp.isfinite(peak), peak, xp.ones_like(peak))
    squares: Array = 0.0
    for row, xp in rows:
        small = row / (scale[:, None] if many else scale)
        squares = squares + xp.sum(small * small, axis=-1)
    return scale * xp.sqrt(squares)


def dot(a: Arrays, b: Arrays, many: bool) -> Array:
    """The inner product over all elements."""
    total: Array = 0.0
    for name, one in a.items():
        xp = namespace(one)
        total = total + xp.sum(flat(one, many, xp) * flat(b[name], many, xp), axis=-1)
    return total


def difference(a: Arrays, b: Arrays) -> Arrays:
    """a − b, array by array."""
    return {name: one - b[name] for name, one in a.items()}


def larger(a: Array, b: Array) -> Array:
    """The larger of two shares."""
    if type(a) is float:  # no clip yet; a NumPy number is a float too, and counts
        return b
    return a if type(b) is float else namespace(a).maximum(a, b)


def broadcast(per_run: Array, array: Array) -> Array:
    """One number for each run, shaped so that it multiplies that run's part of `array`."""
    return namespace(array).reshape(per_run, (-1,) + (1,) * (array.ndim - 1))


def scaled(array: Array, factor: Array, many: bool) -> Array:
    """The array times a factor, or with `many` times one factor for each run; it keeps its dtype."""
    factor = broadcast(factor, array) if many else factor
    return array * (factor if factor.dtype == array.dtype else like(factor, array, namespace(array)))


def begun(beta: float, count: Array, array: Array) -> Array:
    """1 − beta^count, the weight that a running mean has which began at 0; in the array's type where count is one."""
    if type(count) is int:
        return 1 - beta**count
    xp = namespace(array)
    count = as_float64(xp.asarray(count), xp)
    # in single precision 1 - 0.999**1 would be off in the fifth digit
    weight = -xp.expm1(count * math.log(beta)) if beta > 0 else xp.ones_like(count)
    return like(weight, array, xp)
