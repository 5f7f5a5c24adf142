"""Polyak's rate: as far as the tangent needs to reach the smallest loss there can be."""

from __future__ import annotations

import math

from .._value import field
from ..lengths import Length, check_length
from ..schedules.shapes import in_steps
from .base import Controller, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..observed import seen


class Reached(State):
    """The last rate, and the last one above 0; None until known."""

    last: float | None = None
    above: float | None = None


class polyak(Controller):
    """The rate at which the tangent of the loss reaches its smallest possible value.

    Formula: γ_t = min((J_t − f_star)/(c·s_t), high, 2^(1/doubling)·γ_{t−1}), at least `low`, with the slope
    s_t = ⟨g_t, u_t⟩. It answers the absolute rate, so write it with base 1: `sgd() | 1 * polyak(high=10)`; a base
    number or a schedule multiplies it. It looks at loss and slope of every update.

    What is exact where: for `sgd()` alone u = g, s = ‖g‖², and this is Polyak's step (c = 1, full batch) and SPS_max
    (mini-batch). For a rule that scales the gradient (u = P⁻¹g: Adam without its momentum, rmsprop, adagrad) s is
    ‖g‖² in the norm of P⁻¹, and the step is Polyak's in that metric. With momentum, or with a clip or a weight decay
    between, it is still the rate at which the tangent along u_t reaches f_star, but the proofs do not cover it (MoMo
    is another rule). A clip after the rate is not known here.

    When to use: the smallest possible loss is known: interpolation (f_star = 0 for a squared or log loss that can
    reach 0), or a convex problem with known optimum. When not: label smoothing, regularised losses or noise floors
    with f_star = 0: near the end the step is then far too long, `high` and `doubling` only soften it.

    `f_star` a number, `c` > 0 (on a convex loss with minimum f_star no step leads away from a minimiser for c ≥ 1/2),
    `high` > 0 and 0 ≤ `low` ≤ high the bounds, `doubling` a length in which the rate may at most double ("1ep" in
    the paper), or None. Where J ≤ f_star, and where the slope is ≤ 0 (no descent direction, or a zero gradient), the
    answer is `low`; where loss or slope is NaN or infinite it stays what it was, `low` if nothing was. What doubles
    is the last rate above 0, so one zero does not end the run. It never ends. Source: Polyak (1969); SPS_max: Loizou
    et al. (AISTATS 2021).

    >>> from stepsize import problems, descend
    >>> run = descend(problems.least_squares([[1.0], [2.0]], [2.0, 4.0]), "sgd() | 1 * polyak()", steps=3)
    >>> run.rates.tolist(), run.losses.tolist()
    ([0.1, 0.1, 0.1], [10.0, 2.5, 0.625])
    """

    sets_rate = True
    _lengths = ("doubling",)
    needs = ("loss", "slope")
    f_star: float = field(default=0.0)
    c: float = field(default=1.0, above=0, kw_only=True)
    low: float = field(default=0.0, low=0, high="high", kw_only=True)
    high: float = field(default=1.0, above=0, kw_only=True)
    doubling: Length | None = field(default=None, check=check_length, kw_only=True)

    def init(self) -> State:
        return Reached()

    def step(self, state: State, now: seen) -> tuple[float, State, str]:
        last, above = state
        loss, slope = self.given(now, "loss"), self.given(now, "slope")
        if not (math.isfinite(loss) and math.isfinite(slope)):
            rate = self.low if last is None else last
            return rate, state, f"loss {loss}, slope {slope}: held at {rate:.4g}"
        rate, why = self._rate(loss, slope, above)
        return rate, Reached(rate, rate if rate > 0 else above), why

    def _rate(self, loss: float, slope: float, above: float | None) -> tuple[float, str]:
        """The rate within its bounds, and which bound it met."""
        if slope <= 0:
            return self.low, f"slope {slope:.4g}, no way down: {self.low:.4g}"
        if loss <= self.f_star:
            return self.low, f"loss {loss:.4g} not above f_star: {self.low:.4g}"
        rate, why = (loss - self.f_star) / slope / self.c, ""
        if rate > self.high:
            rate, why = self.high, f"highest rate {self.high:.4g}"
        if self.doubling is not None and above is not None:
            reach = above * 2 ** (1 / in_steps(self, "doubling", self.doubling))
            if rate > reach:
                rate, why = reach, f"growing to {reach:.4g}"
        return (self.low, f"lowest rate {self.low:.4g}") if rate < self.low else (rate, why)
