"""Clipping by value: every element within ±max."""

from __future__ import annotations

from .._space import held_by, namespace
from .._value import field
from ..descents import Array, Arrays, Clip
from ..measures import share_of


class clip(Clip):
    """Limits every element of the gradient or the update to ±max.

    Formula: Δ → sign(Δ)·min(|Δ|, max); of the gradient before the rule, of the update after the rate. After the rate
    this is the learning-rate clipping of the introductory texts: no parameter moves by more than `max` in one update,
    whatever the rate. Use it against rare huge elements; it changes the direction, so where only the length matters
    use `clip_norm`. `max` > 0, in units of the gradient or of the parameters. NaN stays NaN (a run that meets one is
    reported, not repaired). It never ends.

    >>> from stepsize import sgd
    >>> sgd() | 0.1 | clip(0.01)
    sgd() | 0.1 | clip(0.01)
    """

    max: float = field(above=0)

    def apply(self, flowing: Arrays, params: Arrays, many: bool = False) -> tuple[Arrays, Array]:
        limited, beyond = {}, {}
        for name, one in flowing.items():
            xp = namespace(one)
            bound = held_by(one, float(self.max), xp)
            limited[name] = xp.clip(one, -bound, bound)
            beyond[name] = xp.abs(one) > bound
        return limited, share_of(beyond, many)
