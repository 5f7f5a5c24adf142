"""Shortening to a bound: what the clips by length share."""

from __future__ import annotations

import math

from .._space import as_float64, flat, held_by, largest, namespace
from ..descents import Array, Arrays
from ..measures import global_norm
from ..measures import scaled as scaled


def norm_of(array: Array, many: bool) -> Array:
    """The Euclidean norm of one array."""
    return global_norm({"": array}, many)


def rms_of(array: Array, many: bool) -> Array:
    """The root of the mean square of the elements of one array."""
    return norm_of(array, many) / math.sqrt(max(math.prod(array.shape[1 if many else 0 :]), 1))


def to_bound(length: Array, bound: Array) -> tuple[Array, Array]:
    """The factor that brings a length down to `bound`, and whether it is longer; a length that is no number stays."""
    xp = namespace(length)
    one = xp.ones_like(length)
    if isinstance(bound, float):
        bound = held_by(length, bound, xp)
    longer = (length > bound) & xp.isfinite(length)
    return xp.where(longer, bound / xp.where(longer, length, one), one), longer


def share_by_array(longer: Arrays, flowing: Arrays, many: bool) -> Array:
    """The share of elements that are in an array that was limited."""
    sizes = {name: math.prod(one.shape[1 if many else 0 :]) for name, one in flowing.items()}
    limited: Array = 0.0
    for name, flag in longer.items():
        limited = limited + sizes[name] * as_float64(flag, namespace(flag))
    return limited / max(sum(sizes.values()), 1)


def sound(flowing: Arrays, many: bool) -> Array:
    """Whether every element is finite: what a memory may take in."""
    whole: Array = True
    for one in flowing.values():
        xp = namespace(one)
        row = flat(one, many, xp)
        top = xp.sum(row, axis=-1) if 0 in row.shape else largest(xp.abs(row), xp)  # the sum of nothing is 0
        whole = xp.isfinite(top) & whole
    return whole
