"""The trust ratio of LARS and LAMB: every array moves by a share of its own length."""

from __future__ import annotations

from .._errors import StepsizeError
from .._language import say
from .._space import held_by, namespace
from .._value import field
from ..descents import Array, Arrays, Transform
from .shorten import norm_of, scaled

_NOTHING = 1e-30  # of the parameters' norm: a shorter update counts as none, its ratio would overflow


class trust(Transform):
    """Makes what flows in each array as long as the array, times `coefficient`.

    Formula: u → r·u with r = coefficient·‖θ‖/‖u‖ within [low, high], for each array; r = 1 where either norm is 0, NaN
    or infinite. Use it with very large batches, where layers need different rates: LAMB is `adam() |
    weight_decay(0.01) | trust() | 1e-3`, LARS `weight_decay(1e-4) | trust(0.001) | sgd(momentum=0.9) | 10` (there the
    ratio is part of the momentum). It is no clip: it lengthens as often as it shortens, and the rate becomes a share
    of the parameters for each update. `coefficient` > 0; `low` ≥ 0; `high` > 0 or None for no upper bound. LAMB's φ
    bounds ‖θ‖ and not the ratio; optax bounds neither. It never ends.
    Source: You, Gitman and Ginsburg, 2017 (LARS); You et al., Large Batch Optimization for Deep Learning, 2019 (LAMB).

    >>> import numpy as np
    >>> trust().apply({"w": np.array([0.0, 2.0])}, {"w": np.array([3.0, 4.0])})[0]["w"].tolist()
    [0.0, 5.0]
    """

    coefficient: float = field(default=1.0, above=0)
    low: float = field(default=0.0, low=0, kw_only=True)
    high: float | None = field(default=None, above=0, kw_only=True)

    def _check_fields(self) -> None:
        if self.high is not None and self.high < self.low:
            raise StepsizeError(
                say("trust: high must be at least low, {low!r}, not {high!r}", low=self.low, high=self.high)
            )

    def apply(self, flowing: Arrays, params: Arrays, many: bool = False) -> tuple[Arrays, Array]:
        changed = {
            name: scaled(one, self._ratio(norm_of(params[name], many), norm_of(one, many)), many)
            for name, one in flowing.items()
        }
        return changed, 0.0

    def _ratio(self, param: Array, update: Array) -> Array:
        xp = namespace(update)
        one = xp.ones_like(update)
        usable = (param > 0) & (update > _NOTHING * param) & xp.isfinite(param) & xp.isfinite(update)
        ratio = float(self.coefficient) * xp.where(usable, param, one) / xp.where(usable, update, one)
        high = None if self.high is None else held_by(ratio, float(self.high), xp)
        return xp.where(usable, xp.clip(ratio, held_by(ratio, float(self.low), xp), high), one)
