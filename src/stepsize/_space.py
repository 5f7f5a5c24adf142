"""Where an array lives: its own namespace (NumPy, torch, JAX, or any array-API library), found by its type."""

from __future__ import annotations

import math
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def namespace(array: Any) -> Any:
    """The module whose functions work on this array; never imports a framework that is not in use.

    >>> import numpy as np
    >>> namespace(np.ones(3)) is np
    True
    """
    root = type(array).__module__.partition(".")[0]
    if root == "torch":
        return sys.modules["torch"]
    if root in ("jax", "jaxlib"):
        return sys.modules["jax.numpy"]
    if root == "numpy":
        return sys.modules["numpy"]
    try:
        return array.__array_namespace__()
    except AttributeError:
        raise TypeError(f"{type(array).__name__} is no array: pass a NumPy, torch or JAX array") from None


def as_float64(array: Any, xp: Any) -> Any:
    """The array in float64 (in JAX without x64: in its widest float)."""
    if xp.__name__ == "torch":
        return array.to(xp.float64)
    if xp.__name__ == "jax.numpy":
        return array.astype(float)
    if xp.__name__ == "numpy":
        return xp.asarray(array, dtype=xp.float64)
    return xp.astype(array, xp.float64)


def like(value: Any, array: Any, xp: Any) -> Any:
    """The value in the array's type, so that what they make keeps it."""
    return value.to(array.dtype) if xp.__name__ == "torch" else xp.asarray(value, dtype=array.dtype)


def as_number(told: Any, array: Any) -> Any:
    """A truth as 1 or 0: as it is where Python said it, in the array's type where an array did."""
    if isinstance(told, bool):
        return told
    xp = namespace(told)
    return told.to(array.dtype) if xp.__name__ == "torch" else xp.asarray(as_float64(told, xp), dtype=array.dtype)


def held_by(array: Any, bound: float, xp: Any) -> float:
    """The bound, or the largest number of the array's type where that is less: NumPy warns of 1e39 in single precision.

    >>> import numpy as np
    >>> held_by(np.ones(2, np.float32), 1e39, np), held_by(np.ones(2), 1e39, np)
    (3.4028234663852886e+38, 1e+39)
    """
    if bound < 6e4:  # every type holds it
        return bound
    return min(bound, float(xp.finfo(array.dtype).max))


def largest(array: Any, xp: Any) -> Any:
    """The largest entry along the last axis."""
    return xp.amax(array, dim=-1) if xp.__name__ == "torch" else xp.max(array, axis=-1)


def flat(array: Any, many: bool, xp: Any) -> Any:
    """The array as one row, or with `many` as one row for each entry of its first axis."""
    return xp.reshape(array, (array.shape[0], math.prod(array.shape[1:])) if many else (-1,))
