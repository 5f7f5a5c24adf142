"""Armijo's line search: shorten the step until the loss of this batch falls by a share of what its slope promises."""

from __future__ import annotations

import math

from .._errors import StepsizeError
from .._language import say
from .._value import field
from ..lengths import Length, check_length
from ..schedules.shapes import in_steps
from .base import Controller, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..observed import seen


class Search(State):
    """The factor that the search stands at, and 1 where it was accepted and may grow."""

    factor: float = 1.0
    may_grow: int = 0


class armijo(Controller):
    """The largest of a few rates at which the loss of the same batch falls enough.

    Formula: of the rates η_i = f·shrink^i·η, i = 0 … tries − 1, the first with J(x − η_i·u) ≤ J(x) − c·η_i·⟨g, u⟩;
    the answer is f·shrink^i. η is the rate without controllers, so the search is around base × schedule, and f the
    factor accepted last, times 2^(1/doubling), at most `high`; f = 1 at the first update. It looks at every update
    and costs one further evaluation of the batch for each rate tried, mostly one.

    When to use: full batch, or mini-batches that a model can nearly interpolate, with `sgd()`; it needs no good base
    rate and the loss of the batch never rises. When not: losses that draw random numbers (dropout: the two losses
    compared must be the same function), noisy data without interpolation (the accepted rates do not fall by
    themselves: multiply with a decaying schedule), or where an evaluation more costs too much.

    What is exact where: the promise ⟨g, u⟩·η is the tangent's for every rule, but with momentum or Adam ⟨g, u⟩ can be
    ≤ 0 (no descent direction): then nothing is tried and the factor last accepted is used. With clips after the rate
    the trial goes where the clipped step would go while the promise is that of the whole step, so it errs low.

    `c` and `shrink` in (0, 1), `doubling` a length in which the first trial may double ("1ep" in Vaswani et al.; 1
    for full batch; None: it never grows), `high` ≥ 1 and `low` in (0, 1] bounds of the factor, `tries` from 1 to
    10,000. Where no trial is accepted the answer is 0, so a step that was seen to fail is not made, and the next search
    goes on below the last trial. A trial whose loss is NaN or infinite counts as not accepted. Where loss, slope or
    rate is NaN or infinite, or the rate 0, nothing is tried and the factor stays. It never ends. Source: Armijo
    (1966); for mini-batches Vaswani et al. (NeurIPS 2019), whose numbers are armijo(0.1, 0.9, doubling="1ep",
    tries=100).

    >>> from stepsize import problems, descend
    >>> run = descend(problems.least_squares([[1.0], [2.0]], [2.0, 4.0]), "sgd() | 10 * armijo()", steps=2)
    >>> run.rates.tolist(), run.losses.tolist(), run.extra_losses.tolist()
    ([0.3125, 0.3349], [10.0, 3.164], [6, 1])
    """

    _lengths = ("doubling",)
    needs = ("loss", "slope", "rate", "loss_at")
    c: float = field(default=0.1, above=0, below=1)
    shrink: float = field(default=0.5, above=0, below=1)
    tries: int = field(default=10, low=1, high=10_000, kw_only=True)
    doubling: Length | None = field(default=10, check=check_length, kw_only=True)
    low: float = field(default=1e-9, above=0, high=1, kw_only=True)
    high: float = field(default=100.0, low=1, kw_only=True)

    def init(self) -> State:
        return Search()

    def step(self, state: State, now: seen) -> tuple[float, State, str]:
        factor, may_grow = state
        loss, slope, rate = (self.given(now, name) for name in ("loss", "slope", "rate"))
        if now.loss_at is None:
            raise StepsizeError(say("armijo needs the loss at other rates: pass step(…, loss_of=…) or seen(loss_at=…)"))
        if not all(math.isfinite(one) for one in (loss, slope, rate)):
            return factor, state, f"loss {loss}, slope {slope}, rate {rate}: held at {factor:.4g}"
        if slope <= 0:
            return factor, state, f"slope {slope:.4g}, no way down: held at {factor:.4g}"
        if rate <= 0:
            return factor, state, ""
        first = min(factor * self._growth(), self.high) if may_grow else factor
        return self._search(first, loss, self.c * slope, rate, now.loss_at)

    def _search(
        self, factor: float, loss: float, promise: float, rate: float, loss_at: Callable[[float], float]
    ) -> tuple[float, State, str]:
        """Shorter and shorter until a rate is accepted or all are tried."""
        for i in range(self.tries):
            found = float(loss_at(factor * rate))
            if math.isfinite(found) and found <= loss - factor * rate * promise:
                return factor, Search(factor, 1), f"{i + 1} tries: factor {factor:.4g}" if i else ""
            factor = max(factor * self.shrink, self.low)
        return 0.0, Search(factor, 0), f"none of {self.tries} tries lowered loss {loss:.4g} enough: no step"

    def _growth(self) -> float:
        return 1.0 if self.doubling is None else 2.0 ** (1 / in_steps(self, "doubling", self.doubling))
