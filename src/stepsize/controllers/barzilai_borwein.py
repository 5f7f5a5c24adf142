"""The rate of Barzilai and Borwein: the inverse of the curvature that the last step met."""

from __future__ import annotations

import math

from .._value import field
from .base import Controller, State
from .bounds import within

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..observed import seen

FORMS = ("long", "short")


class Last(State):
    """The last rate; None before the first update."""

    rate: float | None = None


class barzilai_borwein(Controller):
    """The inverse of the curvature that the last step met; for full batches.

    Formula: with Δx = x_t − x_{t−1} and Δg = g_t − g_{t−1}, "long" is η_t = ‖Δx‖²/⟨Δx, Δg⟩ and "short"
    η_t = ⟨Δx, Δg⟩/‖Δg‖², both within [low, high]; short ≤ long. It answers the absolute rate, so write it with base 1:
    `sgd() | 1 * barzilai_borwein()`; a base number or a schedule multiplies it. It looks at every update, and costs a
    copy of the parameters and one of the gradient.

    When to use: the full batch of a smooth convex problem, with `sgd()` alone; on a quadratic one it is far faster
    than the best fixed rate. The loss rises now and then: that is how it works, no sign of trouble. When not:
    mini-batches, where Δg is mostly the change of the batch (long jumps about, short falls towards 0); non-convex
    losses without a cap `high`; a rule with momentum or a scaling of its own (Δx is then no multiple of the gradient,
    and the secant says nothing of u).

    `form` "long" or "short" (shorter, steadier), `first` > 0 the rate of the first update, which only has to move
    the parameters a little, 0 < `low` ≤ first ≤ `high`. Curvature ⟨Δx, Δg⟩ ≤ 0 (not convex there, or nothing
    moved) and NaN or infinite quantities leave the rate what it was. It never ends. Source: Barzilai & Borwein
    (1988).

    >>> from stepsize import problems, descend
    >>> run = descend(problems.least_squares([[1.0], [2.0]], [2.0, 4.0]), "sgd() | 1 * barzilai_borwein()", steps=2)
    >>> run.rates.round(6).tolist(), run.params.round(6).tolist()
    ([0.0001, 0.2], [2.0])
    """

    sets_rate = True
    needs = ("step_norm", "grad_change_norm", "step_dot_grad_change")
    form: str = field(default="long", options=FORMS)
    first: float = field(default=1e-4, low="low", high="high", kw_only=True)
    low: float = field(default=1e-10, above=0, kw_only=True)
    high: float = field(default=1e10, low="low", kw_only=True)

    def init(self) -> State:
        return Last()

    def step(self, state: State, now: seen) -> tuple[float, State, str]:
        (last,) = state
        rate = self.first if last is None else last
        if last is None and now.step_norm is None:  # the first update has nothing before it
            return rate, Last(rate), ""
        moved, change, curve = (self.given(now, name) for name in self.needs)
        if not all(math.isfinite(one) for one in (moved, change, curve)):
            return rate, state, f"step {moved}, change {change}, product {curve}: held at {rate:.4g}"
        if min(moved, change, curve) <= 0:
            return rate, Last(rate), f"curvature {curve:.4g}, not above 0: held at {rate:.4g}"
        # in this order tiny steps, whose squares would vanish, still have a ratio
        wanted = moved * (moved / curve) if self.form == "long" else curve / change / change
        rate, why = within(wanted, self.low, self.high)
        return rate, Last(rate), why
