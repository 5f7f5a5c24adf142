"""Back off after a loss spike, then come back slowly."""

from __future__ import annotations

import math

from .._value import field
from .base import Counting, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..observed import seen

_TO_DEVIATION = 1.2533  # of a normal distribution: standard deviation over mean rise of the upper half
_ENOUGH = 10  # losses before any is judged


class Level(State):
    """The updates of recovery left, the finite spikes in a row, and the last ordinary losses."""

    left: int = 0
    row: int = 0
    losses: tuple[float, ...] = ()


class spike(Counting):
    """Down at a loss spike or a NaN, then slowly back to 1.

    Formula: m is the median of the last `window` ordinary losses, d = 1.2533·mean(J − m) over their upper half (for
    normal losses their standard deviation; losses of small batches have a long upper tail, which a median absolute
    deviation would not see). A loss above m + max(k·d, tolerance·|m|), and every NaN or infinite one, adds `recovery`
    to a count of updates r; every other loss takes 1 from it. The factor is back_off^(r/recovery), never below `low`:
    after one spike it is `back_off`, and 1 again `recovery` updates later; spikes in between add up.

    When to use: long mini-batch runs where a single bad batch or a short instability must not be followed at the full
    rate; multiply it with any schedule. When not: to repair a rate that is too high all along (the spikes come back;
    lower the base), or instead of clipping the bad gradient itself: the loss is seen before the update, so the update
    of the spike is already the smaller one, but its direction is not changed.

    `back_off` in (0, 1), `k` > 0, `window` ≥ 10 losses, `recovery` ≥ 1 updates, `accept` ≥ 1, `tolerance` ≥ 0 a
    share of the median (it matters where the losses hardly vary), `low` in (0, back_off]. Nothing finite is judged
    until 10 ordinary losses were seen. A spike is kept out of the statistics; `accept` finite ones in a row are
    taken for a new level: the statistics begin again there and r falls to `recovery`, so a loss that jumped for
    good is no spike for ever. NaN and infinite ones in a row all add up: after ten the factor is `low` and needs
    recovery·log(low)/ log(back_off) updates, 665 by default, to be 1 again (short runs want a smaller `recovery`).
    Only rises count. Nothing before update `after`, a length, is looked at: write the length of the warm-up. It
    never ends. Backing off and coming back is common practice; no paper is followed.

    >>> from stepsize import seen
    >>> rule = spike(recovery=2)
    >>> state = rule.init()
    >>> for loss in [1.0, 1.1] * 5 + [9.0, 1.0, float("nan"), 1.0, 1.0, 1.0]:
    ...     factor, state, why = rule.step(state, seen(loss=loss))
    ...     print(round(factor, 4), end=" ")
    1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0 1.0 0.5 0.7071 0.3536 0.5 0.7071 1.0
    """

    needs = ("loss",)
    back_off: float = field(default=0.5, above=0, below=1)
    k: float = field(default=6.0, above=0)
    window: int = field(default=100, low=_ENOUGH, kw_only=True)
    recovery: int = field(default=100, low=1, kw_only=True)
    accept: int = field(default=20, low=1, kw_only=True)
    tolerance: float = field(default=0.01, low=0, kw_only=True)
    low: float = field(default=0.01, above=0, high="back_off", kw_only=True)

    def init(self) -> State:
        return Level()

    def restore(self, saved: Any) -> State:
        """As every controller; before the losses had a place of their own, they stood at the end one by one."""
        first, losses = list(saved)[:2], list(saved)[2:]
        whole = len(losses) == 1 and isinstance(losses[0], (tuple, list))
        return super().restore([*first, losses[0] if whole else losses])

    def step(self, state: State, now: seen) -> tuple[float, State, str]:
        left, row, losses = state if type(state) is Level else self.restore(state)
        loss = self.given(now, "loss")
        if not math.isfinite(loss):
            return self._back_off(left, row, losses, f"loss {loss}")
        limit = self._limit(losses)
        if not loss > limit:
            left = max(left - 1, 0)
            return self._answer(left), Level(left, 0, (*losses, loss)[-self.window :]), ""
        if row + 1 < self.accept:
            return self._back_off(left, row + 1, losses, f"loss {loss:.4g} above {limit:.4g}")
        left = min(max(left - 1, 0), self.recovery)  # it was no row of spikes, but one rise
        factor = self._answer(left)
        told = f"{row + 1} losses above {limit:.4g} in a row: a new level, factor {factor:.4g}"
        return factor, Level(left, 0, (loss,)), told

    def _back_off(self, left: int, row: int, losses: tuple[float, ...], told: str) -> tuple[float, State, str]:
        """One spike more to recover from."""
        deepest = math.ceil(self.recovery * math.log(self.low) / math.log(self.back_off))
        left = min(left + self.recovery, deepest)
        factor = self._answer(left)
        return factor, Level(left, row, losses), f"{told}: factor {factor:.4g}"

    def _answer(self, left: int) -> float:
        return max(math.pow(self.back_off, left / self.recovery), self.low)

    def _limit(self, losses: tuple[float, ...]) -> float:
        """What an ordinary loss does not exceed; no limit while there are too few."""
        if len(losses) < _ENOUGH:
            return math.inf
        middle = _median(losses)
        half = (len(losses) + 1) // 2
        deviation = _TO_DEVIATION * sum((one - middle) / half for one in sorted(losses)[-half:])
        return middle + max(self.k * deviation, self.tolerance * abs(middle))


def _median(losses: tuple[float, ...]) -> float:
    values = sorted(losses)
    half = len(values) // 2
    return values[half] if len(values) % 2 else values[half - 1] / 2 + values[half] / 2
