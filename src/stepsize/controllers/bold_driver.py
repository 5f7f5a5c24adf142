"""The bold driver: a little faster while the loss falls, much slower when it rises."""

from __future__ import annotations

import math

from .._value import field
from .base import Counting, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..observed import seen


class Driving(State):
    """The last loss, and the factor now."""

    loss: float | None = None
    factor: float = 1.0


class bold_driver(Counting):
    """A little faster when the loss fell, much slower when it rose.

    Formula: f_t = grow·f_{t−1} where J_t < J_{t−1}; shrink·f_{t−1} where J_t > J_{t−1} + tolerance·|J_{t−1}|; else
    unchanged. J_t is the loss at the parameters that update t starts from, f_0 = 1, and f stays within `low` and
    `high`.

    When to use: full-batch descent on a deterministic loss; it then finds the largest rate that still descends and
    follows it, whatever the base rate was. When not: mini-batches: every second loss rises by chance, and since one
    fall undoes many rises the rate collapses. A step that raised the loss is not taken back here, as it is in the
    papers, so a base rate that is many times too high costs some bad updates first.

    `grow` > 1, `shrink` in (0, 1), `tolerance` ≥ 0 a share of the loss (0.04 in MATLAB's traingda), `low` in (0, 1]
    and `high` ≥ 1 the bounds. A NaN or infinite loss is not taken in and the factor stays what it was. Nothing
    before update `after`, a length, is looked at: write the length of the warm-up. It never ends. Source: Vogl et
    al. (1988; 1.05 and 0.7, momentum switched off after a rise); Battiti (1989; the name, and 0.5).

    >>> from stepsize import seen
    >>> rule = bold_driver()
    >>> state = rule.init()
    >>> for loss in (8.0, 4.0, 5.0):
    ...     factor, state, why = rule.step(state, seen(loss=loss))
    >>> factor, why
    (0.525, 'loss rose 4 → 5: factor 0.525')
    """

    needs = ("loss",)
    grow: float = field(default=1.05, above=1)
    shrink: float = field(default=0.5, above=0, below=1)
    tolerance: float = field(default=0.0, low=0, kw_only=True)
    low: float = field(default=1e-6, above=0, high=1, kw_only=True)
    high: float = field(default=1e6, low=1, kw_only=True)

    def init(self) -> State:
        return Driving()

    def step(self, state: State, now: seen) -> tuple[float, State, str]:
        last, factor = state
        loss = self.given(now, "loss")
        if not math.isfinite(loss):
            return factor, state, f"loss {loss}: held at {factor:.4g}"
        if last is None:
            return factor, Driving(loss, factor), ""
        if loss < last:
            factor = min(factor * self.grow, self.high)
            why = f"loss fell {last:.4g} → {loss:.4g}: factor {factor:.4g}"
        elif loss > last + self.tolerance * abs(last):
            factor = max(factor * self.shrink, self.low)
            why = f"loss rose {last:.4g} → {loss:.4g}: factor {factor:.4g}"
        else:
            why = ""
        return factor, Driving(loss, factor), why
