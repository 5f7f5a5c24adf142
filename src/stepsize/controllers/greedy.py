"""GreedyLR: up after a row of improvements, down after a row of disappointments."""

from __future__ import annotations

import math

from .._errors import number, whole
from .base import Controller, State
from .watching import MODES, WATCHED, choice, held, watched

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


class greedy(Controller):
    """Up a little after `patience` + 1 new bests in a row, down after as many misses.

    Formula: a value is a new best where it is below best − threshold (`threshold_mode="rel"`: below best −
    threshold·|best|; `mode="max"`: above). After `patience` + 1 new bests in a row the factor is divided by `factor`,
    after `patience` + 1 values in a row that are none it is multiplied by it, within `low` and `high`. After a rise
    the next `warmup` looks, after a fall the next `cooldown` looks, are not judged. At the `restart`-th fall that
    ends at `low` since the last rise everything begins again from factor 1.

    When to use: long runs where nobody knows whether the rate is too low or too high, with a validation metric or a
    smooth loss. When not: single mini-batch losses without `window`: a new best becomes rare after the first epoch
    and the rate then only falls.

    `factor` in (0, 1), `patience`, `cooldown`, `warmup` ≥ 0 looks, `threshold` ≥ 0, `window` ≥ 1 values whose mean is
    judged (1: no smoothing), `restart` ≥ 1 or None (never), `low` in (0, 1] and `high` ≥ 1 bounds of the factor;
    `watch` "loss" or "metric". The bounds are factors of the base rate, so the default acts at every base rate; in
    the original they are the absolute rates 0.001 and 1, and a rate that starts at 5e-5 can never fall. Updates
    without a metric change nothing; a NaN or infinite value is not taken in and the factor stays what it was. It
    never ends. Source: GreedyLR (arXiv 2512.14527, 2025), as in transformers.optimization.GreedyLR.

    >>> from stepsize import seen
    >>> rule = greedy(0.5, patience=1)
    >>> state = rule.init()
    >>> for loss in (8.0, 4.0, 5.0, 5.0):
    ...     factor, state, why = rule.step(state, seen(loss=loss))
    >>> factor, why
    (1.0, 'loss 5: 2 looks without a new best (4), factor 1')
    """

    __slots__ = (
        "cooldown",
        "factor",
        "high",
        "low",
        "mode",
        "patience",
        "restart",
        "threshold",
        "threshold_mode",
        "warmup",
        "watch",
        "window",
    )
    factor: float
    patience: int
    threshold: float
    threshold_mode: str
    cooldown: int
    warmup: int
    window: int
    restart: int | None
    watch: str
    mode: str
    low: float
    high: float

    def __init__(
        self,
        factor: float = 0.95,
        patience: int = 10,
        threshold: float = 1e-6,
        *,
        threshold_mode: str = "abs",
        cooldown: int = 0,
        warmup: int = 0,
        window: int = 1,
        restart: int | None = 500,
        watch: str = "loss",
        mode: str = "min",
        low: float = 0.01,
        high: float = 10.0,
    ) -> None:
        self._store(
            factor=number("greedy", "factor", factor, above=0, below=1),
            patience=whole("greedy", "patience", patience, low=0),
            threshold=number("greedy", "threshold", threshold, low=0),
            threshold_mode=choice("greedy", "threshold_mode", threshold_mode, SCALES),
            cooldown=whole("greedy", "cooldown", cooldown, low=0),
            warmup=whole("greedy", "warmup", warmup, low=0),
            window=whole("greedy", "window", window, low=1),
            restart=None if restart is None else whole("greedy", "restart", restart, low=1),
            watch=choice("greedy", "watch", watch, WATCHED),
            mode=choice("greedy", "mode", mode, MODES),
            low=number("greedy", "low", low, above=0, high=1),
            high=number("greedy", "high", high, low=1),
        )

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
            return factor, state, held(self.watch, value, factor)
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
