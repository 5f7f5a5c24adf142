"""GreedyLR: up after a row of improvements, down after a row of disappointments."""

from __future__ import annotations

import math

from .._value import field
from .base import Counting, State
from .watched import MODES, WATCHED, watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..observed import seen

SCALES = ("abs", "rel")


class Row(State):
    """What is compared and counted."""

    factor: float = 1.0
    best: float | None = None
    good: int = 0  # in a row
    bad: int = 0  # in a row
    skip: int = 0  # looks
    left: int | None = None  # falls at `low` before all begins anew
    values: tuple[float, ...] = ()  # the newest


class greedy(Counting):
    """Up a little after `patience` + 1 new bests in a row, down after as many misses.

    Formula: a value is a new best where it is below best − threshold (`threshold_mode="rel"`: below best −
    threshold·|best|; `mode="max"`: above). After `patience` + 1 new bests in a row the factor is divided by `factor`,
    after `patience` + 1 values in a row that are none it is multiplied by it, within `low` and `high`. After a rise
    the next `warmup` looks, after a fall the next `cooldown` looks, are not judged. At the `restart`-th fall that
    ends at `low` since the last rise everything begins again from factor 1.

    When to use: long runs where nobody knows whether the rate is too low or too high, with a validation metric or a
    smooth loss. When not: single mini-batch losses without `window`: a new best becomes rare after the first epoch
    and the rate then only falls.

    `factor` in (0, 1), `patience`, `cooldown`, `warmup` ≥ 0 looks, `threshold` ≥ 0, `window` ≥ 1 values whose mean
    is judged (1: no smoothing), `restart` ≥ 1 or None (never), `low` in (0, 1] and `high` ≥ 1 bounds of the factor;
    `watch` "loss" or "metric". The bounds are factors of the base rate, so the default acts at every base rate; in
    the original they are the absolute rates 0.001 and 1, and a rate that starts at 5e-5 can never fall. Updates
    without a metric change nothing; a NaN or infinite value is not taken in and the factor stays what it was.
    Nothing before update `after`, a length, is looked at: write the length of the warm-up. It never ends. Source:
    GreedyLR (arXiv 2512.14527, 2025), as in transformers.optimization.GreedyLR.

    >>> from stepsize import seen
    >>> rule = greedy(0.5, patience=1)
    >>> state = rule.init()
    >>> for loss in (8.0, 4.0, 5.0, 5.0):
    ...     factor, state, why = rule.step(state, seen(loss=loss))
    >>> factor, why
    (1.0, 'loss 5: 2 looks without a new best (4), factor 1')
    """

    factor: float = field(default=0.95, above=0, below=1)
    patience: int = field(default=10, low=0)
    threshold: float = field(default=1e-6, low=0)
    threshold_mode: str = field(default="abs", options=SCALES, kw_only=True)
    cooldown: int = field(default=0, low=0, kw_only=True)
    warmup: int = field(default=0, low=0, kw_only=True)
    window: int = field(default=1, low=1, kw_only=True)
    restart: int | None = field(default=500, low=1, kw_only=True)
    watch: str = field(default="loss", options=WATCHED, kw_only=True)
    mode: str = field(default="min", options=MODES, kw_only=True)
    low: float = field(default=0.01, above=0, high=1, kw_only=True)
    high: float = field(default=10.0, low=1, kw_only=True)

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.watch,)

    def init(self) -> State:
        return Row(left=self.restart)

    def restore(self, saved: Any) -> State:
        """As every controller; before the values had a place of their own, they stood at the end one by one."""
        first, values = list(saved)[:6], list(saved)[6:]
        whole = len(values) == 1 and isinstance(values[0], (tuple, list))
        return super().restore([*first, values[0] if whole else values])

    def step(self, state: State, now: seen) -> tuple[float, State, str]:
        state = state if type(state) is Row else self.restore(state)
        factor, best, good, bad, skip, left, values = state
        value = watched(self, now, self.watch)
        if value is None:
            return factor, state, ""
        values = (*values, value)[-self.window :]
        mean = sum(one / len(values) for one in values)
        if not math.isfinite(mean):
            return factor, state, f"{self.watch} {value}: held at {factor:.4g}"
        values = values if self.window > 1 else ()
        if skip > 0:
            return factor, Row(factor, best, 0, 0, skip - 1, left, values), ""
        if self._is_better(mean, best):
            best, good, bad = mean, good + 1, 0
        else:
            good, bad = 0, bad + 1
        if good > self.patience:
            factor = min(factor / self.factor, self.high)
            why = f"{self.watch} {mean:.4g}: {good} new bests in a row, factor {factor:.4g}"
            return factor, Row(factor, best, 0, bad, self.warmup, self.restart, values), why
        if bad > self.patience:
            return self._fall(factor, best, left, values, f"{self.watch} {mean:.4g}: {bad} looks")
        return factor, Row(factor, best, good, bad, 0, left, values), ""

    def _fall(
        self, factor: float, best: float | None, left: int | None, values: tuple[float, ...], told: str
    ) -> tuple[float, State, str]:
        """One reduction, or the new beginning where the rate was at the bottom for long."""
        factor = max(factor * self.factor, self.low)
        told = f"{told} without a new best ({best:.4g})"
        if left is not None and factor <= self.low:
            left -= 1
            if left == 0:
                return 1.0, Row(1.0, None, 0, 0, self.cooldown, self.restart), f"{told}, from the beginning: factor 1"
        return factor, Row(factor, best, 0, 0, self.cooldown, left, values), f"{told}, factor {factor:.4g}"

    def _is_better(self, value: float, best: float | None) -> bool:
        if best is None:
            return True
        margin = self.threshold * (abs(best) if self.threshold_mode == "rel" else 1)
        return value < best - margin if self.mode == "min" else value > best + margin
