"""Clipping by root mean square: no array's elements larger than max on average."""

from __future__ import annotations

from .._value import field
from ..descents import Array, Arrays, Clip
from .shorten import rms_of, scaled, share_by_array, to_bound


class clip_rms(Clip):
    """Shortens every array whose root mean square exceeds `max`.

    Formula: U → U / max(1, RMS(U)/max), RMS(U) = √mean(U²), for each array on its own. Use it between the rule and the
    rate of an adaptive rule (`adam() | clip_rms() | 1e-3`): Adafactor does, because directions of Adam have a root
    mean square near 1 and more means that the running mean of squares is out of date. It takes the place of a global
    norm that would shorten every array because of one; before the rule use `clip_norm`. `max` > 0, in units of what
    flows there. An array whose root mean square is NaN or infinite is left as it is. It never ends.
    Source: Shazeer and Stern, Adafactor, 2018 (their d is 1).

    >>> import numpy as np
    >>> limited, share = clip_rms().apply({"w": np.array([3.0, 3.0]), "b": np.array([0.5, 0.5])}, {})
    >>> limited["w"].tolist(), limited["b"].tolist(), float(share)
    ([1.0, 1.0], [0.5, 0.5], 0.5)
    """

    max: float = field(default=1.0, above=0)

    def apply(self, flowing: Arrays, params: Arrays, many: bool = False) -> tuple[Arrays, Array]:
        limited, longer = {}, {}
        for name, array in flowing.items():
            factor, longer[name] = to_bound(rms_of(array, many), float(self.max))
            limited[name] = scaled(array, factor, many)
        return limited, share_by_array(longer, flowing, many)
