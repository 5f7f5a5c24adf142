"""Warm-ups without an end: they approach 1 at a speed that an adaptive rule's memory sets."""

from __future__ import annotations

from .._value import field
from ..lengths import check_length
from .base import Dialect
from .shapes import Curve, in_steps

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..lengths import Length


class saturation(Curve):
    """A rise that closes in on 1: quick at first, then slower.

    Formula: f(t) = 1 − exp(−(t + 1)/timescale). Use it as a warm-up that needs no end; with timescale 1/(1 − beta2)
    it follows Adam's memory (`untuned_exponential` is that recipe). `timescale` is a length. It never ends, unless it
    has a `length`, after which it holds. Source: Ma and Yarats, On the adequacy of untuned warmup, 2021.

    >>> round(saturation(10)(9), 4)
    0.6321
    """

    _lengths = ("length", "timescale")
    timescale: Length = field(check=check_length)
    length: Length | None = field(default=None, check=check_length)

    def _formula(self, t: str, write: Dialect) -> str:
        held = self._held(t)
        return f"(1.0 - exp(-({held} + 1) / {in_steps(self, 'timescale', self.timescale)}))"

    @property
    def _endless(self) -> bool:
        return True


class rectification(Curve):
    """RAdam's rectification term as a warm-up.

    Formula, n = t + offset: ρ∞ = 2/(1 − beta2) − 1, ρ = ρ∞ − 2n·beta2ⁿ/(1 − beta2ⁿ),
    f = √((ρ − 4)(ρ − 2)ρ∞ / ((ρ∞ − 4)(ρ∞ − 2)ρ)); offset is the first n with ρ > 4, so that no update is made at 0.
    Use it with Adam in place of a tuned warm-up. `beta2` is above 0.6 and up to 0.99999, beyond which its difference of
    powers loses digits. It never ends, unless it has a `length`,
    after which it holds. Source: Liu et al., On the variance of the adaptive learning rate, 2020.

    >>> rectification()(0) < 0.1 < rectification()(5000) <= 1
    True
    """

    beta2: float = field(default=0.999, above=0.6, high=0.99999)
    length: Length | None = field(default=None, check=check_length)

    def _formula(self, t: str, write: Dialect) -> str:
        beta, longest = float(self.beta2), 2 / (1 - float(self.beta2)) - 1
        held = self._held(t)
        n = f"({held} + {_offset(beta)})"
        fading = f"power({beta!r}, {n})"
        rho = f"({longest!r} - 2.0 * {n} * {fading} / (1.0 - {fading}))"
        scale = longest / ((longest - 4) * (longest - 2))
        return f"sqrt(({rho} - 4.0) * ({rho} - 2.0) * {scale!r} / {rho})"

    @property
    def _endless(self) -> bool:
        return True


def _offset(beta: float) -> int:
    """The first count at which the variance is defined (ρ > 4)."""
    longest = 2 / (1 - beta) - 1
    return next(n for n in range(1, 10_000) if longest - 2 * n * beta**n / (1 - beta**n) > 4)
