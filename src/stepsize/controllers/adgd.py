"""Adaptive gradient descent: half the inverse of the local Lipschitz constant, and no faster growth than is safe."""

from __future__ import annotations

import math

from .._value import field
from .base import Controller, State
from .bounds import within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..observed import seen


class Growing(State):
    """The last rate, and its ratio to the one before; None until known."""

    last: float | None = None
    ratio: float | None = None


class adgd(Controller):
    """Half the inverse of the steepness met, growing slowly; for full batches.

    Formula: η_t = min(√(1 + θ_{t−1})·η_{t−1}, ‖x_t − x_{t−1}‖/(2‖g_t − g_{t−1}‖)) with θ_t = η_t/η_{t−1} and
    θ_0 = ∞, within [low, high]. It answers the absolute rate, so write it with base 1: `sgd() | 1 * adgd()`; a base
    number or a schedule multiplies it. It looks at every update, and costs a copy of the parameters and one of the
    gradient.

    When to use: the full batch of a smooth convex problem, with `sgd()` alone: no rate to tune, no loss to know, and
    a proof of convergence for every convex function that is locally smooth. It is steadier than `barzilai_borwein`
    and mostly slower. When not: mini-batches, where the difference of two gradients is mostly the change of the batch
    and the rate falls far too low (the authors' stochastic variant takes a second gradient of the same batch, which
    is not made here); a rule with momentum or a scaling of its own.

    `first` > 0 is the rate of the first update, which only has to move the parameters a little; 0 < `low` ≤ first ≤
    `high`. Where the gradient did not change the growth alone decides (the first time: unchanged); parameters that
    did not move, and NaN or infinite quantities, leave the rate what it was. It never ends. Source: Malitsky &
    Mishchenko (ICML 2020).

    >>> from stepsize import problems, descend
    >>> run = descend(problems.least_squares([[1.0], [2.0]], [2.0, 4.0]), "sgd() | 1 * adgd()", steps=3)
    >>> run.rates.round(6).tolist(), run.params.round(6).tolist()
    ([0.0001, 0.1, 0.1], [1.50025])
    """

    sets_rate = True
    needs = ("step_norm", "grad_change_norm")
    first: float = field(default=1e-4, low="low", high="high")
    low: float = field(default=1e-10, above=0, kw_only=True)
    high: float = field(default=1e10, low="low", kw_only=True)

    def init(self) -> State:
        return Growing()

    def step(self, state: State, now: seen) -> tuple[float, State, str]:
        last, ratio = state
        if last is None:
            last = self.first
            if now.step_norm is None:  # the first update has nothing before it
                return last, Growing(last), ""
        moved, change = self.given(now, "step_norm"), self.given(now, "grad_change_norm")
        if not (math.isfinite(moved) and math.isfinite(change)):
            return last, state, f"step {moved}, change {change}: held at {last:.4g}"
        if moved <= 0:
            return last, state, f"nothing moved: held at {last:.4g}"
        rate, why = within(self._wanted(last, ratio, moved, change), self.low, self.high)
        return rate, Growing(rate, rate / last), why

    @staticmethod
    def _wanted(last: float, ratio: float | None, moved: float, change: float) -> float:
        """The smaller of the growth and the local estimate; the last rate where neither bounds it."""
        grown = math.inf if ratio is None else math.sqrt(1 + ratio) * last
        wanted = min(grown, moved / change / 2 if change > 0 else math.inf)
        return wanted if math.isfinite(wanted) else last
