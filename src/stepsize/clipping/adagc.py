"""AdaGC: every array is held to the running mean of its own clipped norms."""

from __future__ import annotations

from .._space import as_float64, held_by, namespace
from .._value import field
from ..descents import Array, Arrays, Clip, RuleState
from ..measures import global_norm
from .shorten import norm_of, scaled, share_by_array, to_bound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class adagc(Clip):
    """Shortens every array to `ratio` times the running mean of its own norms.

    Formula: g_i → h_i·g_i with h_i = min(1, ratio·γ_i/‖g_i‖), then γ_i ← beta·γ_i + (1 − beta)·‖h_i·g_i‖, for each
    array i. In the first `warm_up` updates the whole gradient is shortened to norm `max` instead, and γ_i becomes the
    smallest clipped norm. Use it before the rule for large models, where spikes come from single arrays; the bound can
    only rise by (ratio − 1)·(1 − beta) each update, a thousandth with the defaults, so a gradient that grows
    for good is held back for long. `ratio` ≥ 1, `max` > 0, `beta` in [0, 1), `warm_up` ≥ 1 updates. Norms of 0 are not
    taken in (γ of 0 would hold an array at 0 for ever): an array that was never anything else is shortened to `max`.
    An array whose norm is NaN or infinite is left as it is, and from an update with one γ learns nothing. It never
    ends. Source: Wang, Li, Chen et al., AdaGC, 2025 (arXiv 2502.11034).

    >>> adagc(1.1, warm_up=500)
    adagc(1.1, warm_up=500)
    """

    ratio: float = field(default=1.05, low=1)
    max: float = field(default=1.0, above=0, kw_only=True)
    beta: float = field(default=0.98, low=0, below=1, kw_only=True)
    warm_up: int = field(default=100, low=1, kw_only=True)

    def init(self, params: Arrays) -> RuleState:
        return {"count": 0.0, "norms": dict.fromkeys(params, 0.0)}

    def step(
        self, flowing: Arrays, params: Arrays, state: RuleState, about: dict[str, Any], many: bool = False
    ) -> tuple[Arrays, Array, RuleState]:
        whole_norm = global_norm(flowing, many)
        xp = namespace(whole_norm)
        whole_norm = as_float64(whole_norm, xp)
        finite = xp.isfinite(whole_norm)
        none = xp.zeros_like(whole_norm)
        count = none + state["count"]
        early = count < self.warm_up
        most = held_by(whole_norm, float(self.max), xp)
        together, too_long = to_bound(whole_norm, most)
        limited, beyond, norms = {}, {}, {}
        for name, array in flowing.items():
            usual, length = none + state["norms"][name], as_float64(norm_of(array, many), xp)
            bound = xp.where(usual > 0, self.ratio * usual, none + most)
            alone, longer = to_bound(length, bound)
            factor = xp.where(early, together, alone)
            beyond[name] = xp.where(early, too_long, longer)
            limited[name] = scaled(array, factor, many)
            norms[name] = xp.where(finite, self._learn(usual, factor * xp.where(finite, length, none), early), usual)
        after = {"count": count + as_float64(finite, xp), "norms": norms}
        return limited, share_by_array(beyond, flowing, many), after

    def _learn(self, usual: Array, length: Array, early: Array) -> Array:
        """The running mean with this clipped norm, in the warm-up the smallest; the first norm starts both."""
        xp = namespace(usual)
        smallest = xp.where(length < usual, length, usual)
        mean = self.beta * usual + (1 - self.beta) * length
        later = xp.where(usual > 0, xp.where(early, smallest, mean), length)
        return xp.where(length > 0, later, usual)
