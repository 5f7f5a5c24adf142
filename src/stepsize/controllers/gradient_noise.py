"""The share of signal in the gradient as a factor: full rate where batches agree, little where they do not."""

from __future__ import annotations

import math

from .._value import field
from ..lengths import Length, check_length
from ..schedules.shapes import in_steps
from .base import Controller, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..observed import seen


class Means(State):
    """The mean of ‖g‖², that of the variance, and the factor now."""

    whole: float = 0.0
    noise: float = 0.0
    factor: float = 1.0


class gradient_noise(Controller):
    """The share of signal in the gradient: full rate without noise, less with it.

    Formula: V = ⟨grad_variance⟩, S = max(⟨‖g‖²⟩ − V, 0), factor = max(S/(S + V), low), ⟨⟩ being exponential means of
    the last `memory` updates (decay 1 − 1/memory; the correction of their start cancels in the ratio). The base is
    the rate that suits a full batch. It looks at every update, of which each needs a batch in two halves.

    Why: let g have the mean G and a variance of trace V, and let J have the Hessian H. A step ε·g changes J on
    average by −ε‖G‖² + ε²/2·(GᵀHG + tr(H·Cov g)), least at ε = ‖G‖²/(GᵀHG + tr(H·Cov g)). Where H is near a multiple
    of 1 that is ε_max/(1 + V/‖G‖²) with ε_max = ‖G‖²/GᵀHG. With Cov g = Σ/B it is the known
    ε_max/(1 + B_simple/B), B_simple = tr Σ/‖G‖². And E‖g‖² = ‖G‖² + V, so S estimates ‖G‖² without bias; the difference
    is cut at 0 after the means are taken, since means of cut values would take noise for signal.

    When to use: mini-batches of a run without a known end, and a base rate near the largest that a full batch allows:
    the rate then falls by itself where a fixed one would stop improving for noise. Where the end is known a decaying
    schedule is mostly better. When not: full batches (there is nothing to halve); short runs, and losses whose
    curvature differs much between directions: the rate that is best for the next update is too low for the flat
    directions, whose little signal hides in the noise of the steep ones (then raise `low`); with momentum or Adam,
    which average noise away by themselves.

    `memory` ≥ 1 a length, in updates; `low` in [0, 1] the floor; with 0 chance may stop a run. A NaN or
    infinite quantity (also a norm whose square is infinite) is not taken in, and zeros say nothing: the factor
    stays what it was, 1 at first. It never ends. Source: McCandlish et al. (2018), for the optimal rate and the
    ratio of means.

    >>> from stepsize import seen
    >>> rule = gradient_noise(2)
    >>> state = rule.init()
    >>> for variance in (0.0, 1.0, 4.0):
    ...     factor, state, why = rule.step(state, seen(grad_norm=2.0, grad_variance=variance))
    ...     print(round(factor, 4), end=" ")
    1.0 0.8333 0.3571
    """

    _lengths = ("memory",)
    needs = ("grad_norm", "grad_variance")
    memory: Length = field(default=100, check=check_length)
    low: float = field(default=0.01, low=0, high=1, kw_only=True)

    def init(self) -> State:
        return Means()

    def step(self, state: State, now: seen) -> tuple[float, State, str]:
        whole, noise, factor = state
        norm, variance = self.given(now, "grad_norm"), self.given(now, "grad_variance")
        square = norm * norm
        if not (math.isfinite(square) and math.isfinite(variance)):
            return factor, state, f"gradient {norm}, variance {variance}: held at {factor:.4g}"
        fresh = 1 / max(in_steps(self, "memory", self.memory), 1)
        whole += fresh * (square - whole)
        noise += fresh * (max(variance, 0.0) - noise)
        if max(whole, noise) <= 0:
            return factor, Means(whole, noise, factor), ""
        share = max(whole - noise, 0.0) / max(whole, noise)  # S + V is the larger of the two
        factor = max(share, self.low)
        why = f"signal {share:.4g}: lowest {self.low:.4g}" if share < self.low else ""
        return factor, Means(whole, noise, factor), why
