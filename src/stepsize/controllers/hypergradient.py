"""Hypergradient descent: the rate itself goes down the gradient of the loss."""

from __future__ import annotations

import math

from .._errors import StepsizeError
from .._language import say
from .._value import field
from .base import Controller, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..observed import seen

FORMS = ("multiplicative", "additive")


class Climbing(State):
    """The factor now, and the norm of the last direction: 1 for the additive form, None until known."""

    factor: float = 1.0
    last: float | None = None


class hypergradient(Controller):
    """The rate descends too, up while steps agree with the next gradient, else down.

    Formula: ⟨g_t, u_{t−1}⟩ is how much the loss would have fallen for a little more rate at the last update. The
    factor starts at 1, within [low, high]; "multiplicative": f_t = f_{t−1}·(1 + beta·⟨g_t, u_{t−1}⟩/(‖g_t‖‖u_{t−1}‖)),
    "additive": f_t = f_{t−1} + beta·⟨g_t, u_{t−1}⟩. Both are factors of the base rate. It looks at every update, and
    costs a copy of the direction.

    When to use: with any rule, where the base rate may be off by a factor of ten or more, on full batches or batches
    with little noise. The multiplicative form is the additive one with beta·f_{t−1}/(‖g_t‖‖u_{t−1}‖) for beta: it
    does not depend on the scale of the loss or of the rate, and the same beta serves 5e-5 and 1e-2. Use the additive
    one to reproduce the authors' runs: their β is base·beta, so α₀ = 0.01 and β = 1e-4 is
    `0.01 * hypergradient(0.01, "additive")`. When not: noisy batches
    of a loss with flat directions. The product asks what was best for the last step alone, so without noise the rate
    goes to that of a line search, and with it towards 0: a fitting decay where the curvature is even, and far too
    early where it is not (a smaller beta or a higher `low` delays that).

    `beta` > 0, below 1 for the multiplicative form: the largest relative change an update (0.02 doubles the rate in
    35 updates that agree fully); `form` as above; 0 < `low` ≤ 1 ≤ `high`. With a rule with momentum u_{t−1} is its
    direction, which is what the authors' program does too. The first update, zero norms, and NaN or infinite
    quantities leave the factor what it was. It never ends. Source: Baydin et al. (ICLR 2018), after Almeida et al.
    (1998).

    >>> from stepsize import seen
    >>> rule = hypergradient(0.1)
    >>> state = rule.init()
    >>> for product in (None, 2.0, 1.0, -2.0):
    ...     now = seen(grad_norm=2.0, direction_norm=1.0, grad_dot_last_direction=product)
    ...     factor, state, why = rule.step(state, now)
    ...     print(round(factor, 4), end=" ")
    1.0 1.1 1.155 1.0395
    """

    beta: float = field(default=0.02, above=0)
    form: str = field(default="multiplicative", options=FORMS)
    low: float = field(default=1e-4, above=0, high=1, kw_only=True)
    high: float = field(default=1e4, low=1, kw_only=True)

    def _check_fields(self) -> None:
        if self.form == "multiplicative" and self.beta >= 1:
            raise StepsizeError(
                say(
                    "hypergradient: beta must be a number > 0 and < 1 for {form!r}, not {beta!r}",
                    form=self.form,
                    beta=self.beta,
                )
            )

    @property
    def needs(self) -> tuple[str, ...]:
        """What it looks at: the norms only where they are divided by."""
        norms = ("grad_norm", "direction_norm") if self.form == "multiplicative" else ()
        return (*norms, "grad_dot_last_direction")

    def init(self) -> State:
        return Climbing()

    def step(self, state: State, now: seen) -> tuple[float, State, str]:
        factor, last = state
        multiplies = self.form == "multiplicative"
        steep = self.given(now, "grad_norm") if multiplies else 1.0
        far = self.given(now, "direction_norm") if multiplies else 1.0
        after = far if math.isfinite(far) else last
        if last is None and now.grad_dot_last_direction is None:  # the first update has nothing before it
            return factor, Climbing(factor, after), ""
        product = self.given(now, "grad_dot_last_direction")
        if not (math.isfinite(product) and math.isfinite(steep)):
            return factor, Climbing(factor, after), f"product {product}, gradient {steep}: held at {factor:.4g}"
        if last is None or min(last, steep) <= 0:
            return factor, Climbing(factor, after), ""
        factor, why = self._changed(factor, product / steep / last)
        return factor, Climbing(factor, after), why

    def _changed(self, factor: float, agreement: float) -> tuple[float, str]:
        """The next factor within its bounds, and which bound it met."""
        if self.form == "multiplicative":
            factor *= 1 + self.beta * min(max(agreement, -1.0), 1.0)
        else:
            factor += self.beta * agreement
        if factor > self.high:
            return self.high, f"highest factor {self.high:.4g}"
        return (self.low, f"lowest factor {self.low:.4g}") if factor < self.low else (factor, "")
