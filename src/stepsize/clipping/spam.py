"""SPAM's clip: elements far beyond their own running size are brought back to it."""

from __future__ import annotations

import math

from .._space import as_float64, namespace
from .._value import field
from ..descents import Array, Arrays, Clip, RuleState, broadcast
from ..measures import share_of
from .shorten import sound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class spam(Clip):
    """Limits every element to √threshold times its own running size.

    Formula: g → sign(g)·min(|g|, √(threshold·v)), then v ← beta2·v + (1 − beta2)·g² with the limited g, for each
    element; the first `warm_up` updates limit nothing. Use it before the rule where rare elements are a thousand times
    larger than usual (large language models). It is the clip of SPAM alone: that optimizer also resets the momentum
    and v from time to time and warms the rate up again, which is no part of it. v is the clip's own and starts at 0
    uncorrected, as in the paper: after the warm-up √(5000·v) is ten times the usual element, after thousands of updates
    seventy times. `threshold` > 0 (of squares), `beta2` in [0, 1), `warm_up` ≥ 1 updates. An element that was always 0
    is not limited: v of 0 would hold it at 0 for ever. NaN stays NaN, infinity is limited as by `clip`; from an update
    with either v learns nothing. It never ends. Source: Huang, Zhu, Jin, Liu, Wang and Liu, SPAM, 2025.

    >>> spam(1000)
    spam(1000)
    """

    threshold: float = field(default=5000, above=0)
    beta2: float = field(default=0.999, low=0, below=1, kw_only=True)
    warm_up: int = field(default=20, low=1, kw_only=True)

    def init(self, params: Arrays) -> RuleState:
        return {"count": 0.0, "roots": {name: namespace(one).zeros_like(one) for name, one in params.items()}}

    def step(
        self, flowing: Arrays, params: Arrays, state: RuleState, about: dict[str, Any], many: bool = False
    ) -> tuple[Arrays, Array, RuleState]:
        finite = sound(flowing, many)
        told = as_float64(finite, namespace(finite))
        count = 0 * told + state["count"]
        limited, beyond, roots = {}, {}, {}
        for name, array in flowing.items():
            ready, whole_update = (broadcast(one, array) if many else one for one in (count >= self.warm_up, finite))
            limited[name], beyond[name] = self._limit(array, state["roots"][name], ready)
            roots[name] = self._learn(limited[name], state["roots"][name], whole_update)
        return limited, share_of(beyond, many), {"count": count + told, "roots": roots}

    def _limit(self, array: Array, root: Array, ready: Array) -> tuple[Array, Array]:
        xp = namespace(array)
        bound = math.sqrt(self.threshold) * root
        beyond = ready & (root > 0) & (xp.abs(array) > bound)
        return xp.where(beyond, xp.sign(array) * bound, array), beyond

    def _learn(self, array: Array, root: Array, whole_update: Array) -> Array:
        """The root of the running mean of squares: in single precision the square of 1e30 is infinite."""
        xp = namespace(array)
        finite = xp.where(whole_update, array, xp.zeros_like(array))
        after = xp.hypot(math.sqrt(self.beta2) * root, math.sqrt(1 - self.beta2) * finite)
        return xp.where(whole_update, after, root)
