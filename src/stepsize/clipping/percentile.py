"""AutoClip: the bound is a percentile of the norms so far."""

from __future__ import annotations

from .._space import as_float64, namespace
from .._value import field
from ..descents import Array, Arrays, Clip, RuleState
from ..measures import global_norm
from .shorten import scaled, to_bound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class percentile(Clip):
    """Shortens the gradient to the `p`-th percentile of the last norms.

    Formula: g → g·min(1, b/‖g‖), b the p-th percentile of the last `history` norms before clipping, this one among them
    (between two norms in a straight line, as NumPy). Use it where no bound is known and gradients differ between data
    sets; the authors' p of 10 shortens nine gradients of ten, so that the norm hardly matters any more: p of 90 only
    cuts the tail. `p` in (0, 100]; `history` ≥ 1 updates, of which every update sorts all: thousands are slow, and the
    authors' code, which keeps every norm, slows down as it runs. A norm that is 0, NaN or infinite changes nothing
    and is forgotten: zeros would lower the bound to 0, which limits nothing. It never ends.
    Source: Seetharaman, Wichern, Pardo and Le Roux, AutoClip, 2020.

    >>> percentile(90, history=50)
    percentile(90, history=50)
    """

    p: float = field(default=10, above=0, high=100)
    history: int = field(default=100, low=1, high=10_000, kw_only=True)

    def init(self, params: Arrays) -> RuleState:
        # single numbers: before the first update nobody knows how many runs there are
        return {"count": 0.0, "norms": (0.0,) * self.history}

    def step(
        self, flowing: Arrays, params: Arrays, state: RuleState, about: dict[str, Any], many: bool = False
    ) -> tuple[Arrays, Array, RuleState]:
        norm = global_norm(flowing, many)
        xp = namespace(norm)
        norm = as_float64(norm, xp)
        none, finite = xp.zeros_like(norm), xp.isfinite(norm) & (norm > 0)
        last = [one if hasattr(one, "ndim") else none + one for one in state["norms"]]
        norms = xp.where(finite, xp.stack([*last[1:], norm]), xp.stack(last))
        count = none + state["count"] + as_float64(finite, xp)
        bound = self._bound(norms, count)
        factor, longer = to_bound(norm, xp.where(bound > 0, bound, norm))
        after = {"count": count, "norms": tuple(norms[i, ...] for i in range(self.history))}
        limited = {name: scaled(one, factor, many) for name, one in flowing.items()}
        return limited, xp.where(longer, none + 1, none), after

    def _bound(self, norms: Array, count: Array) -> Array:
        """The percentile of the newest `count` norms, which are the last ones."""
        xp = namespace(norms)
        places = xp.reshape(_places(norms, xp), (-1,) + (1,) * (norms.ndim - 1))
        filled = xp.clip(count, None, float(self.history))
        unused = places < self.history - filled
        ordered = _sorted(xp.where(unused, xp.full_like(norms, float("inf")), norms), xp)
        rank = self.p / 100 * (filled - 1)
        below = xp.floor(rank)
        low = _at(ordered, places == below, xp)
        high = _at(ordered, places == xp.where(below < filled - 1, below + 1, below), xp)
        return low + (rank - below) * (high - low)


def _places(norms: Array, xp: Any) -> Array:
    if xp.__name__ == "torch":
        return xp.arange(norms.shape[0], dtype=norms.dtype, device=norms.device)
    return xp.arange(norms.shape[0], dtype=norms.dtype)


def _sorted(norms: Array, xp: Any) -> Array:
    return xp.sort(norms, dim=0).values if xp.__name__ == "torch" else xp.sort(norms, axis=0)


def _at(ordered: Array, chosen: Array, xp: Any) -> Array:
    """The norm at the chosen place; a choice and a sum work traced too, where an index differs between runs."""
    return xp.sum(xp.where(chosen, ordered, xp.zeros_like(ordered)), axis=0)
