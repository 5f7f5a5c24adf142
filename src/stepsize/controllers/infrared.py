"""The infrared rate: the loss-change rule of the introductory texts."""

from __future__ import annotations

import math

from .._value import field
from .base import Controller, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..observed import seen

_LARGEST = 1e300


class Falls(State):
    """The last loss, the last decrease, and the factor now; None until known."""

    loss: float | None = None
    decrease: float | None = None
    factor: float = 1.0


class infrared(Controller):
    """The rate follows how the loss decrease changes (红外学习率).

    Formula: ΔJ_t = J_{t−1} − J_t; factor_t = max(alpha, gamma·ΔJ_t/ΔJ_{t−1}); the rate is η₀·factor_t, or with
    `compounding` η_{t−1}·factor_t. J_t is the loss at the parameters that update t starts from.

    When to use: full-batch descent, to see the rule of the texts work. When not: mini-batches; the ratio of two
    noisy differences is heavy-tailed, and the compounding form with gamma ≤ 1 and alpha < 1 mostly shrinks.

    `alpha` ≥ 0 is the floor, `gamma` > 0 the gain, `cap` ≥ alpha an upper bound of the factor (None: none). Answers
    where the formula is silent: until two decreases are known the factor is 1 (compounding: unchanged); where
    ΔJ_{t−1} = 0 it is 1 too; a loss that rose or stood still (ΔJ_t ≤ 0) gives alpha, also after another rise, where
    the bare formula would raise the rate while diverging (`guard=False` gives the bare formula); a NaN or infinite
    loss is not taken in and the factor stays what it was. The product of a compounding run is kept within 1e±300
    (with alpha = 0 it can become 0, and then stays 0). It never ends. Source: Chinese introductory articles on
    learning-rate adjustment; no paper is known.

    >>> from stepsize import seen
    >>> rule, losses = infrared(0.5, 0.9), [8.0, 4.0, 2.0]
    >>> state = rule.init()
    >>> for loss in losses:
    ...     factor, state, why = rule.step(state, seen(loss=loss))
    >>> factor, why
    (0.5, 'loss fell 2, before 4: floor 0.5')
    """

    needs = ("loss",)
    alpha: float = field(default=0.9, low=0)
    gamma: float = field(default=0.99, above=0)
    cap: float | None = field(default=None, low="alpha", above=0, kw_only=True)
    compounding: bool = field(default=False, kw_only=True)
    guard: bool = field(default=True, kw_only=True)

    def init(self) -> State:
        return Falls()

    def step(self, state: State, now: seen) -> tuple[float, State, str]:
        last, decrease_before, factor = state
        loss = self.given(now, "loss")
        if not math.isfinite(loss):
            return factor, state, f"loss {loss}: held at {factor:.4g}"
        if last is None:
            return factor, Falls(loss, None, factor), ""
        decrease = last - loss
        if not math.isfinite(decrease):
            return factor, state, f"loss change {decrease}: held at {factor:.4g}"
        if decrease_before is None:
            return factor, Falls(loss, decrease, factor), ""
        answer, why = self._answer(decrease, decrease_before)
        factor = factor * answer if self.compounding else answer
        factor = min(max(factor, 1 / _LARGEST if self.alpha > 0 else 0.0), _LARGEST)
        return factor, Falls(loss, decrease, factor), why

    def _answer(self, decrease: float, before: float) -> tuple[float, str]:
        """One application of the rule, and why."""
        told = f"loss fell {decrease:.4g}, before {before:.4g}"
        if before == 0:
            return 1.0, f"{told}: no ratio, factor 1"
        if self.guard and decrease <= 0:
            return self.alpha, f"loss rose {abs(decrease):.4g}: floor {self.alpha:.4g}"
        wanted = min(self.gamma * (decrease / before), _LARGEST)
        if not wanted > self.alpha:
            return self.alpha, f"{told}: floor {self.alpha:.4g}"
        if self.cap is not None and wanted > self.cap:
            return self.cap, f"{told}: cap {self.cap:.4g}"
        return wanted, f"{told}: factor {wanted:.4g}"
