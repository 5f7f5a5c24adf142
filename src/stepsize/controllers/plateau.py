"""The plateau rule: patience on a loss or a metric, counted as torch, Keras or optax count."""

from __future__ import annotations

import math

from .._errors import StepsizeError
from .._language import say
from .._value import field
from .base import Counting, State
from .watched import FALLEN, MODES, WATCHED, endless

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..observed import seen


class Patience(State):
    """What is compared and counted; None: not known, or not finite."""

    best: float | None = None
    bad: int = 0  # values in a row
    resting: int = 0  # values of the cooldown left
    factor: float = 1.0
    mean: float | None = 0.0  # so far
    values: int = 0  # in it


class plateau(Counting):
    """Lowers the factor each time a loss or a metric has stopped getting better.

    Formula: a value v is good where v < best·(1 − threshold) − absolute (mode "max": v > best·(1 + threshold) +
    absolute), and then the new best; else it is bad. Enough bad values in a row: f ← max(f·factor, floor) where that
    is lower by more than eps, and for `cooldown` values nothing counts. f begins at 1.

    When to use: the length of the run is not known, or a validation metric is to decide. When not: the loss of
    mini-batches, where the best of noisy values is a lucky one (take `average`), or a run of known length, which a
    cosine serves better.

    `factor` is in [0, 1), `patience` ≥ 0 the bad values that are forgiven, `threshold` ≥ 0 (mode "min": below 1)
    and `absolute` ≥ 0 the margins, `cooldown` ≥ 0 a count, `floor` in [0, 1], `eps` ≥ 0; `average` ≥ 1 values make
    one mean that is compared. `watch` is "loss", there at every update, or "metric", there when somebody evaluates:
    without one the factor stays. A relative margin needs values above 0: a best below 0 is "beaten" by itself. `by`
    says whose counting: "torch" lowers at bad value patience + 1, "keras" and "optax" at bad value patience (Keras
    ≥ 1; optax's 0 is refused, it would lower at every good value); Keras's cooldown ends one value earlier. Their
    own defaults: torch `plateau()` (with an eps of 1e-8 of its rates), optax `plateau(by="optax")`, Keras
    `plateau(threshold=0, absolute=1e-4, by="keras")`. A NaN or infinite value is not taken in, or with
    `nonfinite="bad"` it is a bad value, as a NaN is in torch. Nothing before update `after`, a length, is looked
    at: write the length of the warm-up. It never ends. Source: torch.optim.lr_scheduler.ReduceLROnPlateau,
    keras.callbacks.ReduceLROnPlateau, optax.contrib.reduce_on_plateau.

    >>> from stepsize import seen
    >>> rule, losses = plateau(0.5, patience=1), [2.0, 1.0, 1.0, 1.5]
    >>> state = rule.init()
    >>> for loss in losses:
    ...     factor, state, why = rule.step(state, seen(loss=loss))
    >>> factor, why
    (0.5, 'loss not better than 1 for 2 values: factor 0.5')
    """

    factor: float = field(default=0.1, low=0, below=1)
    patience: int = field(default=10, low="_least_patience")
    threshold: float = field(default=1e-4, low=0, below="_below", kw_only=True)
    absolute: float = field(default=0.0, low=0, kw_only=True)
    mode: str = field(default="min", options=MODES, kw_only=True)
    cooldown: int = field(default=0, low=0, kw_only=True)
    floor: float = field(default=0.0, low=0, high=1, kw_only=True)
    eps: float = field(default=0.0, low=0, kw_only=True)
    average: int = field(default=1, low=1, kw_only=True)
    watch: str = field(default="loss", options=WATCHED, kw_only=True)
    by: str = field(default="torch", options=("torch", "keras", "optax"), kw_only=True)
    nonfinite: str = field(default="hold", options=("hold", "bad"), kw_only=True)

    @property
    def _least_patience(self) -> int:
        return 1 if self.by == "optax" else 0

    @property
    def _below(self) -> int | None:
        return 1 if self.mode == "min" else None

    @property
    def needs(self) -> tuple[str, ...]:
        return (self.watch,)

    @property
    def limit(self) -> int:
        """The bad values in a row that lower the factor."""
        return self.patience + 1 if self.by == "torch" else max(self.patience, 1)

    def init(self) -> State:
        return Patience()

    def step(self, state: State, now: seen) -> tuple[float, State, str]:
        best, bad, resting, factor, mean, count = state
        given = now.loss if self.watch == "loss" else now.metric
        if given is None:
            if self.watch == "metric":
                return factor, state, ""
            raise StepsizeError(
                say("plateau needs the loss at every update: pass seen(loss=…), or write plateau(watch='metric')")
            )
        value = float(given)
        odd = "" if math.isfinite(value) else f"{self.watch} {value}: "
        if odd and self.nonfinite == "hold":
            return factor, state, f"{odd}held at {factor:.4g}"
        mean, count = _taken_in(mean, None if odd else value, count), count + 1
        odd = odd and f"{odd}counted as bad"
        if count < self.average:
            return factor, Patience(best, bad, resting, factor, mean, count), odd
        good = mean is not None and self._is_good(mean, best)
        best = mean if good else best
        bad, resting = self._counted(good, bad, resting)
        if bad < self.limit:
            return factor, Patience(best, bad, resting, factor), odd
        lower = self._lowered(factor)
        why = self._why(best, lower) if lower < factor else odd
        return lower, Patience(best, 0, self.cooldown, lower), why

    def remark(self, state: State, now: seen) -> str:
        best, factor = state[0], state[3]
        if best is None or self.mode == "max" or best > 0:
            return ""
        if best < 0:
            relative = self.threshold > 0 and self.absolute == 0
            return (
                f"the {self.watch} is below 0, where every value is better than the best by a relative threshold, so "
                "the factor may never fall: write threshold=0, absolute=1e-4"
                if relative
                else ""
            )
        return endless(self.watch, now, "floor") if factor < FALLEN and self.floor == 0 else ""

    def _is_good(self, value: float, best: float | None) -> bool:
        if best is None:
            return True
        if self.mode == "min":
            return value < best * (1.0 - self.threshold) - self.absolute
        return value > best * (1.0 + self.threshold) + self.absolute

    def _counted(self, good: bool, bad: int, resting: int) -> tuple[int, int]:
        """The bad values in a row and the cooldown left, after one more value."""
        left = max(resting - 1, 0)
        free = left == 0 if self.by == "keras" else resting == 0  # Keras counts the value that ends the cooldown
        if good or not free:
            return 0, left
        return bad + 1, left

    def _lowered(self, factor: float) -> float:
        lower = max(factor * self.factor, self.floor)
        return lower if factor - lower > self.eps else factor

    def _why(self, best: float | None, factor: float) -> str:
        than = "finite" if best is None else f"better than {best:.4g}"
        return f"{self.watch} not {than} for {self.limit} value{'s' * (self.limit > 1)}: factor {factor:.4g}"


def _taken_in(mean: float | None, value: float | None, count: int) -> float | None:
    """The mean of `count` values with one more; None where one of them was not finite."""
    if mean is None or value is None:
        return None
    more = (count * mean + value) / (count + 1)
    return more if math.isfinite(more) else mean * (count / (count + 1)) + value / (count + 1)
