"""ZClip: norms that stand out from their own running mean and deviation are brought back."""

from __future__ import annotations

from .._space import as_float64, held_by, namespace
from .._value import field
from ..descents import Array, Arrays, Clip, RuleState
from ..measures import global_norm
from .shorten import scaled, to_bound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class zclip(Clip):
    """Shortens a gradient whose norm stands out from the norms before it.

    Formula: s = (n − mean)/(std + eps) for the norm n; where s > z the norm becomes b = mean + z·std/(s/z), and in any
    case at most `max`. Then mean ← alpha·mean + (1 − alpha)·n' and std² ← alpha·std² + (1 − alpha)·(n' − mean)² with
    n' = b where s > z and n elsewhere. The first `warm_up` norms are only counted: mean and std start as theirs.
    Use it before the rule in long runs, where a fixed bound is too tight early and too loose late. Norms that were
    all the same in the warm-up leave no room above them: full-batch descent wants `clip_norm`. `z` > 0 deviations,
    `alpha` in [0, 1), `warm_up` ≥ 2 updates, `max` > 0 or None for no fixed bound, `eps` > 0 in units of the gradient.
    A norm that is NaN or infinite changes nothing and is forgotten; a bound of 0 (after gradients of 0) limits
    nothing. It never ends. Source: Kumar, Owen, Chowdhury and Güra, ZClip, 2025 (arXiv 2504.02507).

    >>> zclip(3, max=None)
    zclip(3, max=None)
    """

    z: float = field(default=2.5, above=0)
    alpha: float = field(default=0.97, low=0, below=1, kw_only=True)
    warm_up: int = field(default=25, low=2, kw_only=True)
    max: float | None = field(default=1.0, above=0, kw_only=True)
    eps: float = field(default=1e-6, above=0, kw_only=True)

    def init(self, params: Arrays) -> RuleState:
        return {"count": 0.0, "mean": 0.0, "std": 0.0}

    def step(
        self, flowing: Arrays, params: Arrays, state: RuleState, about: dict[str, Any], many: bool = False
    ) -> tuple[Arrays, Array, RuleState]:
        norm = global_norm(flowing, many)
        xp = namespace(norm)
        norm = as_float64(norm, xp)
        finite = xp.isfinite(norm)
        none = xp.zeros_like(norm)
        now = {name: none + one for name, one in state.items()}
        taken = self._expected(xp.where(finite, norm, now["mean"]), now)
        bound = taken if self.max is None else xp.clip(taken, None, held_by(taken, float(self.max), xp))
        factor, longer = to_bound(norm, bound)
        after = {name: xp.where(finite, one, now[name]) for name, one in self._learn(taken, now).items()}
        limited = {name: scaled(one, factor, many) for name, one in flowing.items()}
        return limited, xp.where(longer, none + 1, none), after

    def _expected(self, norm: Array, now: RuleState) -> Array:
        """The norm, or the bound where it stands out."""
        xp = namespace(norm)
        score = (norm - now["mean"]) / (now["std"] + self.eps)
        outlier = (score > self.z) & (now["count"] >= self.warm_up)
        bound = now["mean"] + self.z * now["std"] / (xp.where(outlier, score, xp.ones_like(score)) / self.z)
        return xp.where(outlier & (bound > 0), bound, norm)

    def _learn(self, norm: Array, now: RuleState) -> RuleState:
        """Mean and deviation with this norm: those of all norms in the warm-up, then running ones."""
        xp = namespace(norm)
        count, away = now["count"], norm - now["mean"]
        early = count < self.warm_up
        part = xp.where(early, 1 / (count + 1), xp.ones_like(count) * (1 - self.alpha))
        kept = xp.where(early, part, xp.ones_like(count) * (1 - self.alpha) * self.alpha)
        spread = xp.sqrt(kept * (1 - part))
        # deviations, not squares: in single precision the square of 1e30 is infinite
        std = xp.hypot(xp.sqrt(1 - part) * now["std"], spread * away)
        return {"count": count + 1, "mean": now["mean"] + part * away, "std": std}
