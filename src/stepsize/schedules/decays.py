"""More decays: polynomial, inverse time, power law, and the rare ones, with their conventions side by side."""

from __future__ import annotations

import math

from .._errors import number, one_of
from .._value import field
from ..lengths import check_length
from .base import Dialect
from .shapes import Curve, in_steps, optional_length, stairs

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..lengths import Length
    from .boundaries import Clock, Mark


class polynomial(Curve):
    """A power of what is left: (1 − progress) to a power.

    Formula: f(t) = final + (1 − final)·(1 − u^k)^power with u = t/length. Use it to follow segmentation recipes
    (power 0.9) or to bend a linear decay: power 1 is the linear decay, 2 stays low longer, 0.5 (timm) high longer;
    `k` > 1 delays the fall (k-decay), k = 0.5 is the "1 − sqrt" cool-down. `power` and `k` are > 0, `final` is a
    factor from 0 to 1. The last update is one step short of `final`; after the end it holds `final`. Source: Chen et
    al., DeepLab, 2017; k-decay: Zhang and Li, 2020.

    >>> polynomial(2, 10)(5)
    0.25
    """

    power: float = field(default=1.0, above=0)
    length: Length | None = field(default=None, check=check_length)
    final: float = field(default=0.0, low=0, high=1, kw_only=True)
    k: float = field(default=1.0, above=0, kw_only=True)

    def _formula(self, t: str, write: Dialect) -> str:
        u = write.progress(t, self._length())
        u = u if self.k == 1 else f"power({u}, {float(self.k)!r})"
        left = f"(1.0 - {u})" if self.power == 1 else f"power(1.0 - {u}, {float(self.power)!r})"
        return f"({float(self.final)!r} + {1.0 - float(self.final)!r} * {left})"


class inverse_time(Curve):
    """One over a straight line: a half after every/rate steps, then a third.

    Formula: f(t) = 1/(1 + rate·t/every), with `staircase` 1/(1 + rate·⌊t/every⌋). Use it where theory asks for a 1/t
    decay (strongly convex problems); on finite runs a decay that arrives is usually better. `rate` > 0, `every` a
    length. It never ends, unless it has a `length`, after which it holds. Source: Robbins and Monro, 1951.

    >>> inverse_time(1.0, every=10)(10)
    0.5
    """

    _lengths = ("length", "every")
    rate: float = field(above=0)
    every: Length = field(default=1, check=check_length)
    length: Length | None = field(default=None, check=check_length)
    staircase: bool = field(default=False, kw_only=True)

    def _formula(self, t: str, write: Dialect) -> str:
        every = in_steps(self, "every", self.every)
        held = self._held(t)
        return f"(1.0 / (1.0 + {float(self.rate)!r} * ({held} {'//' if self.staircase else '/'} {every})))"

    def _marks(self, clock: Clock, low: int, high: int) -> Iterator[Mark]:
        if not self.staircase:
            return super()._marks(clock, low, high)
        top = clock.top(low, high)
        last = top if self.length is None else min(top, self._length())
        return stairs(in_steps(self, "every", self.every), last, clock, low, high)

    @property
    def _endless(self) -> bool:
        return True


class power_law(Curve):
    """A power of time counted from before the start, so that it begins at 1.

    Formula: f(t) = (1 + t/timescale)^exponent. With exponent −0.5 it is the inverse square root of transformers:
    `warmup(4000) >> power_law(-0.5, 4000)`, for which `inverse_sqrt(4000)` is a recipe. Use it where the run may go
    on without a planned end. `exponent` < 0, `timescale` a length. It never ends, unless it has a `length`, after
    which it holds. Source: Vaswani et al., 2017 (−0.5); Shen et al., Power Scheduler, 2024 (−0.51).

    >>> power_law(-0.5, 100)(300)
    0.5
    """

    _lengths = ("length", "timescale")
    exponent: float = field(below=0)
    timescale: Length = field(check=check_length)
    length: Length | None = field(default=None, check=check_length)

    def _formula(self, t: str, write: Dialect) -> str:
        scale = in_steps(self, "timescale", self.timescale)
        held = self._held(t)
        return f"power(1.0 + {held} / {scale}, {float(self.exponent)!r})"

    @property
    def _endless(self) -> bool:
        return True


class rex(Curve):
    """Reflected exponential: nearly linear at first, steep at the end.

    Formula: f(t) = final + (1 − final)·(1 − u)/(1 − u/2), u = t/length. Use it as an alternative to linear decay when
    the budget of steps is small. `final` is a factor from 0 to 1. After the end it holds `final`.
    Source: Chen, Wolfe and Kyrillidis, REX, 2021.

    >>> round(rex(10)(5), 4)
    0.6667
    """

    length: Length | None = field(default=None, check=check_length)
    final: float = field(default=0.0, low=0, high=1, kw_only=True)

    def _formula(self, t: str, write: Dialect) -> str:
        u, final = write.progress(t, self._length()), float(self.final)
        return f"({final!r} + {1.0 - final!r} * (2.0 - 2.0 / (2.0 - {u})))"


class tanh_decay(Curve):
    """A hyperbolic tangent read backwards: flat, then a smooth fall, then flat.

    Formula: f(t) = final + (1 − final)·(1 − tanh(low·(1 − u) + high·u))/2, u = t/length. Use it for a long plateau
    before the fall. `low` < `high` (timm: −7 and 3); it neither begins at 1 nor ends at `final` exactly.
    After the end it holds final + (1 − final)·(1 − tanh(high))/2. Source: Hsueh, Li and Wu, 2019.

    >>> round(tanh_decay(10)(7), 3)
    0.5
    """

    length: Length | None = field(default=None, check=check_length)
    low: float = field(default=-7.0, kw_only=True)
    high: float = field(default=3.0, above="low", kw_only=True)
    final: float = field(default=0.0, low=0, high=1, kw_only=True)

    def _formula(self, t: str, write: Dialect) -> str:
        u, final = write.progress(t, self._length()), float(self.final)
        inner = f"{float(self.low)!r} + {float(self.high - self.low)!r} * {u}"
        return f"({final!r} + {(1.0 - final) / 2!r} * (1.0 - tanh({inner})))"


_ANNEALS = {
    "linear": "1.0 - {u}",
    "cosine": f"0.5 + 0.5 * cos({math.pi!r} * {{u}})",
    "mirrored-cosine": f"1.5 - 2.0 * {{u}} - 0.5 * cos({math.pi!r} * {{u}})",
    "1-sqrt": "1.0 - sqrt({u})",
    "square": "1.0 - {u} * {u}",
    "exponential": "2.0 * power(0.5, {u}) - 1.0",
}


class anneal(Curve):
    """A cool-down from 1 to `final` in any of the shapes in use.

    Formula, u = t/length: linear 1 − u; cosine (1 + cos πu)/2; mirrored-cosine 2(1 − u) − cosine; 1-sqrt 1 − √u;
    square 1 − u²; exponential 2·0.5^u − 1; scaled to end at `final`. Use it as the last part of warm-up, hold, decay
    (`wsd`); "1-sqrt" is reported best for language models, "linear" is close and safe. `final` is a factor from 0 to
    1. After the end it holds `final`. Source: Hägele et al., Scaling Laws and Compute-Optimal Training Beyond Fixed
    Training Durations, 2024.

    >>> anneal(100, shape="1-sqrt")(25)
    0.5
    """

    __slots__ = ("final", "length", "shape")
    length: Length | None
    shape: str
    final: float

    def __init__(self, length: Length | None = None, *, shape: str = "linear", final: float = 0.0) -> None:
        self._store(
            length=optional_length("anneal", length),
            shape=check_shape("anneal", shape),
            final=number("anneal", "final", final, low=0, high=1),
        )

    def _formula(self, t: str, write: Dialect) -> str:
        return anneal_formula(write.progress(t, self._length()), self.shape, float(self.final))


def anneal_formula(u: str, shape: str, final: float) -> str:
    """The cool-down at progress `u`, scaled to end at `final`."""
    return f"({final!r} + {1.0 - final!r} * ({anneal_curve(u, shape)}))"


def anneal_curve(u: str, shape: str) -> str:
    """The cool-down from 1 to 0 at progress `u`."""
    return _ANNEALS[shape].format(u=u)


def check_shape(owner: str, shape: object) -> str:
    """A shape of cool-down, or an error that lists them."""
    return one_of(owner, "shape", shape, _ANNEALS)
