"""Clipping by global norm: the whole vector no longer than max."""

from __future__ import annotations

from .._space import namespace
from .._value import field
from ..descents import Array, Arrays, Clip
from ..measures import global_norm
from .shorten import scaled, to_bound


class clip_norm(Clip):
    """Shortens the whole gradient or update to length `max`.

    Formula: g → g·min(1, max/‖g‖), ‖g‖ over all parameters together; the gradient before the rule, the update after the
    rate. Use it where single batches produce far too
    long gradients (recurrent nets, transformers: 1); before Adam it changes little but the ratio between updates,
    since Adam divides the length out again. `max` > 0, in units of the gradient or of the parameters. Where the norm
    is NaN or infinite nothing is changed: torch would turn every element into NaN. It never ends.
    Source: Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural networks, 2013.

    >>> import numpy as np
    >>> limited, share = clip_norm(1).apply({"w": np.array([3.0, 4.0])}, {})
    >>> limited["w"].round(12).tolist(), float(share)
    ([0.6, 0.8], 1.0)
    """

    max: float = field(above=0)

    def apply(self, flowing: Arrays, params: Arrays, many: bool = False) -> tuple[Arrays, Array]:
        if not flowing:
            return flowing, 0.0
        norm = global_norm(flowing, many)
        xp = namespace(norm)
        factor, longer = to_bound(norm, float(self.max))
        limited = {name: scaled(one, factor, many) for name, one in flowing.items()}
        return limited, xp.where(longer, xp.ones_like(norm), xp.zeros_like(norm))
