"""The newbob rule of speech recognition: reduce when this epoch is not clearly better than the last one."""

from __future__ import annotations

import math

from .._value import field
from ..lengths import Length, check_length
from ..schedules.shapes import in_steps
from .base import Counting, State
from .watched import FALLEN, MODES, WATCHED, endless, watched

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..observed import seen

SCALES = ("last", "new")


class Looks(State):
    """The last look; mean so far and values of the coming one; the bad looks still forgiven; the factor now."""

    last: float | None = None
    mean: float = 0.0
    values: int = 0
    left: int = 0
    factor: float = 1.0


class newbob(Counting):
    """Down by a factor whenever the newest value is not clearly better than the last.

    Formula: with m_k the k-th value looked at, improvement = (m_{k−1} − m_k)/|m_{k−1}| (the sign turned for
    `mode="max"`); where it is below `threshold`, for the `patient` + 1st time since the last reduction, the factor is
    multiplied by `factor`. Unlike plateau rules it compares with the value before, not with the best one, and a good
    value in between does not restart the count of bad ones.

    When to use: few, nearly noise-free looks: a validation metric once an epoch (`watch="metric"`), or the training
    loss averaged over an epoch (`every="1ep"`). When not: the loss of single mini-batches (`every=1`): about half of
    all looks are then worse by chance and the factor falls to `low` at once.

    `factor` in (0, 1), `threshold` a share, `patient` ≥ 0 looks, `every` a length: the mean of so many values is
    one look; `watch` "loss" or "metric", `mode` "min" or "max", `relative_to` "last" (|m_{k−1}|, as in SpeechBrain)
    or "new" (|m_k|, as in RETURNN), `low` in [0, 1] the smallest factor. The answer is 1 until two looks are there;
    a zero to divide by counts as no improvement; updates without a metric change nothing; a NaN or infinite value
    is not taken in and the factor stays what it was. Nothing before update `after`, a length, is looked at: write
    the length of the warm-up. It never ends. Source: a schedule of speech recognition that is older than its
    papers; form and defaults as in SpeechBrain's NewBobScheduler (2020).

    >>> from stepsize import seen
    >>> rule = newbob(watch="metric")
    >>> state = rule.init()
    >>> for metric in (10.0, 2.0, 2.5):
    ...     factor, state, why = rule.step(state, seen(metric=metric))
    >>> factor, why
    (0.5, 'metric 2 → 2.5, better by -0.25 < 0.0025: factor 0.5')
    """

    _lengths = ("after", "every")
    factor: float = field(default=0.5, above=0, below=1)
    threshold: float = field(default=0.0025)
    patient: int = field(default=0, low=0, kw_only=True)
    every: Length = field(default=1, check=check_length, kw_only=True)
    watch: str = field(default="loss", options=WATCHED, kw_only=True)
    mode: str = field(default="min", options=MODES, kw_only=True)
    relative_to: str = field(default="last", options=SCALES, kw_only=True)
    low: float = field(default=0.0, low=0, high=1, kw_only=True)

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.watch,)

    def init(self) -> State:
        return Looks(left=self.patient)

    def step(self, state: State, now: seen) -> tuple[float, State, str]:
        last, mean, count, left, factor = state
        value = watched(self, now, self.watch)
        if value is None:
            return factor, state, ""
        if not math.isfinite(value):
            return factor, state, f"{self.watch} {value}: held at {factor:.4g}"
        count += 1
        mean = mean * ((count - 1) / count) + value / count  # no sum that could overflow
        if count < in_steps(self, "every", self.every):
            return factor, Looks(last, mean, count, left, factor), ""
        better = self._improvement(last, mean)
        if not better < self.threshold:
            return factor, Looks(mean, 0.0, 0, left, factor), ""
        if left > 0:
            return factor, Looks(mean, 0.0, 0, left - 1, factor), ""
        factor = max(self.low, factor * self.factor)
        told = f"{self.watch} {last:.4g} → {mean:.4g}, better by {better:.4g} < {self.threshold:.4g}"
        return factor, Looks(mean, 0.0, 0, self.patient, factor), f"{told}: factor {factor:.4g}"

    def remark(self, state: State, now: seen) -> str:
        last, factor = state[0], state[4]
        fallen = last == 0 and self.mode == "min" and factor < FALLEN and self.low == 0
        return endless(self.watch, now, "low") if fallen else ""

    def _improvement(self, last: float | None, new: float) -> float:
        """The relative improvement of a look; without a bound for the first."""
        if last is None:
            return math.inf
        scale = abs(last if self.relative_to == "last" else new)
        if scale == 0:
            return 0.0
        change = (last - new) / scale
        return change if self.mode == "min" else -change
