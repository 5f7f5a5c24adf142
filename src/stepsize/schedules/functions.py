"""The functions of a formula, for one number and for the arrays of a namespace; both have the same names."""

from __future__ import annotations

import math
from bisect import bisect_right

from .._errors import FARTHEST, StepsizeError
from .._language import say
from .._space import held_by

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_PRIME, _MIXERS = 67108859, (16807, 39373, 48271)
NEAR = 2.0**-48
LARGEST = 1e300  # growing schedules stop here, so that every factor stays finite


def scalar_functions() -> dict[str, Any]:
    """The functions on Python numbers."""
    return {
        "__builtins__": {},
        "check": _check,
        "cos": math.cos,
        "exp": _exp,
        "floor": _floor,
        "inf": math.inf,  # the pace of a time that stands still
        "least": min,
        "log": math.log,
        "magnitude": abs,
        "most": max,
        "near": near,
        "pick": _pick,
        "power": _power,
        "reached": lambda t, bounds: bisect_right(bounds, t),
        "scramble": scramble,
        "sin": math.sin,
        "sqrt": math.sqrt,
        "tanh": math.tanh,
    }


def scramble(t: Any, salt: int) -> Any:
    """A number in (−1, 1) that looks random, from a step and a whole number; exact arithmetic, the same everywhere.

    Rounds of squaring and multiplying modulo a prime below 2^26: every product stays below 2^53.
    """
    x = ((t % _PRIME) * 40503 + (salt * 48271 + 12345) % _PRIME) % _PRIME
    for mixer in _MIXERS:
        x = (x * x + mixer) % _PRIME
        x = (x * mixer + salt % _PRIME) % _PRIME
    return x * (2.0 / _PRIME) - 1.0


def near(step: float) -> float:
    """A step within rounding of a whole one as that one, so that what begins at a whole step begins there."""
    if not step < FARTHEST:
        return step
    whole = math.floor(step + 0.5)
    return float(whole) if abs(step - whole) <= NEAR * whole else step


def _scramble_whole(xp: Any) -> Callable[[Any, int], Any]:
    """`scramble` on whole numbers of 64 bits: the same numbers, since all of it is exact, and a quarter of the time."""

    def cast(x: Any, kind: Any) -> Any:
        return x.to(kind) if xp.__name__ == "torch" else x.astype(kind)

    def scrambled(t: Any, salt: int) -> Any:
        x = cast(t % _PRIME, xp.int64)
        x = (x * 40503 + (salt * 48271 + 12345) % _PRIME) % _PRIME
        for mixer in _MIXERS:
            x = (x * x + mixer) % _PRIME
            x = (x * mixer + salt % _PRIME) % _PRIME
        return cast(x, xp.float64) * (2.0 / _PRIME) - 1.0

    return scrambled


def kept(values: tuple[float, ...], xp: Any) -> Any:
    """A list of numbers as it is kept for the arrays of a namespace; nothing traced and nothing on a device.

    JAX gets NumPy's array, which becomes a constant of whatever is traced. A tensor that torch makes while it only
    pretends to compute is no plain tensor, and not kept.
    """
    if xp.__name__ in ("numpy", "jax.numpy"):
        import numpy as np

        return np.asarray(values, dtype=np.float64)
    if xp.__name__ == "torch":
        made = xp.tensor(values, dtype=xp.float64, device="cpu")
        return made if type(made) is xp.Tensor else values
    return values


def _check(value: float) -> float:
    if not 0 <= value < math.inf:
        raise StepsizeError(
            say("formula: the value must be finite and ≥ 0, not {value!r}: bound it with max(…, 0)", value=value)
        )
    return float(value)


def _floor(value: float) -> float:
    return float(math.floor(value)) if abs(value) < FARTHEST else value


def _power(base: float, exponent: float) -> float:
    try:
        return min(math.pow(base, exponent), LARGEST)
    except OverflowError:
        return LARGEST if base > 0 or exponent % 2 == 0 else -math.inf
    except ValueError:
        if base == 0:  # and the exponent negative; −0 has a sign to odd powers, as in arrays
            return -math.inf if math.copysign(1, base) < 0 and exponent % 2 == 1 else LARGEST
        raise


def _exp(exponent: float) -> float:
    return _power(math.e, exponent) if exponent > 600 else math.exp(exponent)


def _pick(values: tuple[float, ...], i: float) -> float:
    return values[int(i)]


def array_functions(xp: Any) -> dict[str, Any]:
    """The functions on the arrays of a namespace; numbers among the arguments become its widest float."""
    name = xp.__name__
    widest = float if name == "jax.numpy" else xp.float64

    def least(a: Any, b: Any) -> Any:
        return _extreme(a, b, xp.minimum, lambda array, number: xp.clip(array, None, held(array, number)))

    def most(a: Any, b: Any) -> Any:
        return _extreme(a, b, xp.maximum, lambda array, number: xp.clip(array, held(array, number), None))

    def held(array: Any, number: float) -> float:
        """A bound that the array's type can hold: JAX computes in single precision unless it is told otherwise."""
        return held_by(array, number, xp) if name == "jax.numpy" else number

    def power(base: Any, exponent: Any) -> Any:
        return least(base**exponent, LARGEST)

    def where(condition: Any, yes: Any, no: Any) -> Any:
        return xp.where(condition, wide(yes), wide(no))

    def wide(value: Any) -> Any:
        """A number as float64: torch would choose float32, the array API wants an array; JAX has it right."""
        return xp.asarray(value, dtype=widest) if isinstance(value, float) and name != "jax.numpy" else value

    def table(values: Any, like: Any) -> Any:
        """A kept list of numbers beside an array."""
        if name == "torch" and hasattr(values, "to"):
            return values.to(like.device)
        where = {"device": like.device} if name == "torch" else {}
        return values if name == "numpy" else xp.asarray(values, dtype=widest, **where)

    def reached(t: Any, bounds: Any) -> Any:
        if name == "torch":
            return xp.searchsorted(table(bounds, t), t.contiguous(), right=True).to(widest)
        if not t.shape and name != "jax.numpy":
            return xp.astype(xp.sum(xp.astype(table(bounds, t) <= t, xp.int64)), widest)
        return xp.astype(xp.searchsorted(table(bounds, t), t, side="right"), widest)

    def pick(values: Any, i: Any) -> Any:
        # a branch that is not taken may ask for any place, and what is no number for none
        if name == "torch":
            place = xp.clip(xp.reshape(i.to(xp.int64), (-1,)), 0, len(values) - 1)
            return xp.reshape(table(values, i)[place], i.shape)
        i = xp.clip(i, 0.0, len(values) - 1.0)
        if name == "jax.numpy":
            return table(values, i)[i.astype(int)]
        if name == "numpy":
            return xp.take(values, i.astype(xp.int64), mode="clip")
        return xp.reshape(xp.take(table(values, i), xp.reshape(xp.astype(i, xp.int64), (-1,))), i.shape)

    def in_turn(t: Any, starts: Any, *parts: Callable[[Any], Any]) -> Any:
        """Each part on the steps that are its own; where the steps do not rise, every part on all of them."""
        if len(t.shape) != 1 or not (t[1:] >= t[:-1]).all():
            return either(t, starts, parts, 0, len(parts))
        cuts = [0, *xp.searchsorted(t, starts).tolist(), len(t)]
        value = xp.empty_like(t)
        for part, first, end in zip(parts, cuts[:-1], cuts[1:], strict=True):
            if first < end:
                value[first:end] = part(t[first:end])
        return value

    def either(t: Any, starts: Any, parts: tuple[Callable[[Any], Any], ...], low: int, high: int) -> Any:
        if high - low == 1:
            return parts[low](t)
        middle = (low + high) // 2
        return where(
            t < starts[middle - 1], either(t, starts, parts, low, middle), either(t, starts, parts, middle, high)
        )

    def close_by(step: Any) -> Any:
        whole = xp.floor(step + 0.5)
        return where(xp.abs(step - whole) <= NEAR * whole, whole, step)

    def on_arrays(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda x: function(x if hasattr(x, "shape") else xp.asarray(x, dtype=widest))

    return {
        "__builtins__": {"__import__": __import__},  # torch imports parts of itself when they are first used
        "check": lambda x: x,
        "cos": on_arrays(xp.cos),
        "exp": lambda x: least(on_arrays(xp.exp)(x), LARGEST),
        "floor": on_arrays(xp.floor),
        "inf": math.inf,
        "in_turn": in_turn,
        "least": least,
        "log": on_arrays(xp.log),
        "magnitude": on_arrays(xp.abs),
        "most": most,
        "near": close_by,
        "pick": pick,
        "power": power,
        "reached": reached,
        "scramble": _scramble_whole(xp) if name in ("numpy", "torch") else scramble,
        "share": lambda x: xp.clip(x, 0.0, 1.0) if hasattr(x, "shape") else min(max(x, 0.0), 1.0),
        "sin": on_arrays(xp.sin),
        "sqrt": on_arrays(xp.sqrt),
        "tanh": on_arrays(xp.tanh),
        "where": where,
    }


def _extreme(a: Any, b: Any, of_arrays: Callable[..., Any], of_number: Callable[..., Any]) -> Any:
    """The smaller or larger of two, where either may be a plain number."""
    if hasattr(a, "shape") and hasattr(b, "shape"):
        return of_arrays(a, b)
    if hasattr(a, "shape"):
        return of_number(a, b)
    return of_number(b, a) if hasattr(b, "shape") else (min if of_arrays.__name__ == "minimum" else max)(a, b)
