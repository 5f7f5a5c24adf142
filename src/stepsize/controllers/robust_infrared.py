"""The robust infrared rate: as far as the loss left allows, and no further than its decrease keeps its promise."""

from __future__ import annotations

import math

from .._errors import StepsizeError
from .._language import say
from .._named import frozen
from .._value import field
from .base import Controller, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from ..observed import seen

# "measured": chosen on other seeds than those of the table in docs/lab-book.md.
_HUGE = 1e100  # larger numbers count as not finite: squares and sums of them must stay finite
_FUEL = 1.4  # promised decrease by loss left, before any progress (2 = one Polyak step); above 2.5 runs die (measured)
_FUEL_EARNED = 0.9  # more of it for each factor e of progress: a run that works may go hotter (measured)
_FUEL_MOST = 8.0  # up to here (6 to 8 end alike)
_EDGE = 1.3  # the shortfall held: 1 is the greedy optimum of the batch, at 2 the loss of the batch stands still
_EDGE_EARNED = 0.5  # more of it for each factor e: the best constants stand at 1.5 to 1.7 (measured)
_EDGE_MOST = 4.0  # up to here: where everything is fitted the fuel limits, not the edge
_EDGE_POWER = 1 / 3  # of 1 − β: the best constants stand at 1.5, 1.2, 0.7, 0.6 for β = 0, 0.5, 0.9, 0.95 (measured)
_EARNED_FROM, _EARNED_WHOLE = 1.0, 1.5  # factors e: less progress may be all there is, with wrong labels (measured)
_LIMITED = 4.0  # progress counts whole where the fuel's rate is below 3 of the edge's, not at all above 4
_BELOW = 0.1  # share of losses below the floor at which nothing is earned: such a floor is none
_BATCH = 2.0  # one batch may promise twice the fuel: a bad batch cannot throw the parameters away
_KEEP_LOSS = 0.95  # memory of loss and slope: shorter chases single batches, longer lags behind
_KEEP_EDGE = 0.9  # memory of the shortfall, in checks
_KEEP_BELOW = 0.98  # memory of the share below the floor
_HURT = 0.5  # power of lowest loss by loss now: a rising loss must not buy a higher rate
_HURT_LEAST = 0.2  # not below: noise makes the lowest loss too low
_LOWEST_FROM = 6  # the first means are made of too few losses to be the lowest
_RISE = 1.1  # most growth in an update; falls are free (bounded to 15 %, 2 of 60 runs were ruined)
_EVERY = 2  # updates between checks; a check is one evaluation
_EAGER = 20  # first updates that are all checked: the edge moves fast there
_RAMP_FROM, _RAMP = 0.3, 50  # share of the rate at the first update, and updates until the whole: curvature rises there
_SEEN = 6.0  # a decrease is seen above so many deviations of the loss noise
_DOUBT = 15.0  # where the promise is so many deviations, the shortfall is known to 0.2
_SURE = 10.0  # a rise counts in the search above so many: six evaluations know the deviation badly
_AGAIN = 5  # evaluations at the start that measure the noise of the loss
_ABSURD = 1e4  # times its mean a loss or slope is broken, not noise: healthy runs reach 100, none 10 000 (measured)
_COUNTS = 10.0  # times the mean is what it then counts for: one is soon forgotten, a new level reached in 25 updates
_SHORTER = 3  # shorter steps tried where the loss is not finite
_SAME = 0.01  # a check and the next loss may differ by this share of the change, where the problem is the same
_CONFIRMED = 3  # checks in a row that the next loss confirmed: every update sees the same problem, the full batch
_ROUNDING = 1e-10  # and by this share of the loss
_SAME_EDGE = 16.0  # the edge there: it only catches a wrong floor; heavy ball needs 10 (measured)
_SAME_LIMITED = 3.5  # for _LIMITED: at 3, 3 of 100 parabolas at β = 0.5 stall; at 4, wrong labels end 1.3 times higher
_SAME_RISE = 2.0  # for _RISE
_RARELY = 64  # updates between checks there, at most; and at powers of two
_SEARCH = 24  # most evaluations of the search; falling by 4 they span 14 decades


class robust_infrared(Controller):
    """The rate follows the loss left and how much of its promise each step keeps.

    Formula: an update −η·u with slope s = ⟨g, u⟩ promises p = η·s; a = J(x) − J(x − η·u) is kept of it. With
    L = J − floor and sums that forget (losses 5 % an update, checks 10 % a check)

        P = fuel·(1 − β²)·h·ΣL/Σs,  E = edge·(1 − β)^⅓·Σs/Σ(2(p − a)/η²),  η_t = min(P, E, 1.1·η_{t−1})

    and 0.3 of min(P, E) at the first update, rising to the whole in 50. P is Polyak's rate with a memory, E the rate at
    which the shortfall q = 2(p − a)/p (2 less twice the ratio of actual to promised decrease) is `edge`. Progress
    earns heat: with w = ln(first L/mean L), fuel = min(8, 1.4 + 0.9·w), edge = min(4, 1.3 + 0.5·w), w = 0 where P is
    over four times E or w below 1 (all of it from 1.5 on). h = √(lowest mean L/mean L), within 0.2 and 1. One batch
    gets at most 2·fuel·(1 − β²)·h·L/s. The first update searches from the starting rate, by factors of 2 to 10, for one
    at which the shortfall shows.

    The same batch at every update: where β > 0, `floor` is known and three checks in a row saw the loss that the next
    update begins with, nothing is noise. Then heat need not be earned (fuel 8, edge 16; 1.4 and 1.3 where P is over 3.5
    times E), the rate may double in an update, the sums of P remember as long as the momentum, β an update (longer,
    they lag behind a loss that falls by β), every update's loss is the check of the last step, and real checks, at
    updates 2^k and 64·k, only ask whether the batch is still the same: 1.02 gradient evaluations an update. One that
    denies it ends this.

    When to use: to have no starting rate to choose: any within 14 decades ends alike. When not: in place of a
    schedule: what progress earned keeps a noise floor high, so close with a decay, `0.1 * robust_infrared() *
    (constant(length="60%") >> linear())`. A tuned rate is better in runs of about 100 updates, seven times in the loss
    of a noise-free parabola with momentum 0.9, and often where the decay was tuned with it.

    `beta` in [0, 1) is the momentum of the rule (sgd: momentum; adam: beta1): 0.1 too low ruins a run, too high is
    safe. `floor` is a bound that the loss cannot fall below, 0 for cross entropy and squares; None: unknown, E alone,
    1.6 to 3.7 times the best constant's loss where all can be fitted. Decays and clips before the rate are in u.

    The rate that the text gives at the first update (the highest so far, if a schedule rises) is the starting rate,
    and the factor is η_t divided by it: what a schedule takes off multiplies η_t, and the shortfall is measured at
    the product, the step that is made. It looks at every update; every second one (and the first 20) is a check, one
    further evaluation of the batch: 1.17 to 1.19 gradient evaluations an update. At a check that sees the loss rise the
    step is shorter (β = 0: the lowest point of the parabola; else half, unless the batch is always the same); where the
    loss there is NaN or infinite a shorter one is tried, three times, then no step. A NaN or infinite loss, slope or
    direction: no step, the memory stays; a slope of 0 (no gradient) changes nothing. From the 20th update on a loss or
    slope of more than 10 000 times its mean counts for 10 times the mean, unless ‖u‖ stands out as far: then momentum
    carries it on, and the rate has to fall. So behind `clip_norm(1)` a broken batch is forgotten within 40 updates;
    without a clip it is not. It never ends. Source: own; Polyak (1969) for P, the ratio of actual to promised decrease
    of trust regions (Powell, 1970) for E.

    >>> from stepsize import problems, descend_many
    >>> fit = problems.least_squares([[1.0, 0.0], [1.0, 1.0], [1.0, 2.0]], [1.0, 3.0, 5.0])
    >>> runs = descend_many(fit, "sgd() | 1 * robust_infrared()", rates=[1e-6, 1, 1e6], steps=100)
    >>> [run.loss < 1e-9 for run in runs], [round(float(run.rates[-1]), 2) for run in runs]
    ([True, True, True], [0.83, 0.83, 0.83])
    """

    sets_rate = True
    searches = True
    needs = ("loss", "slope", "direction_norm", "rate", "loss_at")
    beta: float = field(default=0.0, low=0, below=1)
    floor: float | None = field(default=0.0, low=-_HUGE, high=_HUGE)

    def init(self) -> State:
        return Remembered()

    def step(self, state: State, now: seen) -> tuple[float, State, str]:
        loss, slope, length, base = (self.given(now, name) for name in self.needs[:4])
        if now.loss_at is None:
            raise StepsizeError(say("robust_infrared needs the loss_at of every update: pass step(…, loss_of=…)"))
        memory, left = _Memory(*state), loss - (self.floor or 0.0)
        if not _plain(loss, left, slope, length):
            return 0.0, state, f"loss {loss}, slope {slope}, direction {length}: no step"
        if not 1 / _HUGE < base < _HUGE:
            return memory.factor(memory.rate), state, "" if base == 0 else f"rate {base}: held"
        memory.top = max(memory.top, base)
        if length == 0 or slope == 0:  # no gradient: nothing is promised, so nothing is learned
            memory.led, memory.made = None, 0.0
            return memory.factor(memory.rate), memory.saved(), ""
        use, why = self._update(memory, left, _Batch(loss, slope, length, base / memory.top, now.loss_at))
        memory.updates += 1
        return memory.factor(use), memory.saved(), why

    def _update(self, memory: _Memory, left: float, batch: _Batch) -> tuple[float, str]:
        """The rate of this update before the schedule, and why; the memory takes it all in."""
        was_sure = memory.sure()
        if self.beta > 0 and self.floor is not None:
            memory.compare(batch.loss)
        memory.take_in(left, batch.slope, batch.length, self.beta if memory.sure() else _KEEP_LOSS)
        if memory.rate is None:
            memory.noise = batch.noise()
            memory.curvature, memory.pull = batch.search(memory.top, memory.noise)
        by_fuel, by_edge = self._rates(memory)
        why = f"edge found at {_EDGE * by_edge:.4g}" if memory.rate is None and by_edge is not None else ""
        fuel = self._grow(memory, by_fuel, by_edge)
        use = memory.rate or memory.top
        if self.floor is not None and left > 0 and batch.slope > 0 and not memory.sure():
            use = min(use, _BATCH * fuel * (1 - self.beta**2) * memory.hurt() * left / batch.slope)
        memory.led = None
        if memory.wants_check():
            use, said = self._check(memory, use, batch)
            why = said or why
        memory.before, memory.slope, memory.made = batch.loss, batch.slope, use * batch.share
        if memory.sure() != was_sure:
            why = "the batches differ after all" if was_sure else "the same batch at every update: each loss is a check"
        return use, why

    def _rates(self, memory: _Memory) -> tuple[float | None, float | None]:
        """The rates for a fuel of 1 and an edge of 1; None where nothing is known."""
        by_fuel = by_edge = None
        if self.floor is not None and memory.slopes > 1 / _HUGE:
            by_fuel = (1 - self.beta**2) * memory.hurt() * memory.mean / memory.slopes
        if memory.curvature > 1 / _HUGE and memory.pull > 1 / _HUGE:
            by_edge = (1 - self.beta) ** _EDGE_POWER * memory.pull / memory.curvature
        return by_fuel, by_edge

    def _grow(self, memory: _Memory, by_fuel: float | None, by_edge: float | None) -> float:
        """Move the rate to where both allow it; return the fuel."""
        sure, share = memory.sure(), 0.0
        if by_fuel is not None and by_edge is not None:  # hotter only where the loss left is what limits
            limited = _SAME_LIMITED if sure else _LIMITED
            share = min(1.0, max(0.0, limited - _FUEL * by_fuel / (_EDGE * by_edge)))
        earned = memory.progress() * share
        fuel = min(_FUEL_MOST, _FUEL + _FUEL_EARNED * earned)
        edge = min(_EDGE_MOST, _EDGE + _EDGE_EARNED * earned)
        if sure:  # where nothing is noise, heat need not be earned
            fuel, edge = _FUEL + (_FUEL_MOST - _FUEL) * share, _EDGE + (_SAME_EDGE - _EDGE) * share
        allowed = [limit * by for limit, by in ((edge, by_edge), (fuel, by_fuel)) if by is not None]
        last = memory.rate or memory.top
        rate = min(allowed) * min(1.0, _RAMP_FROM + (1 - _RAMP_FROM) * memory.updates / _RAMP) if allowed else last
        if memory.rate is not None:
            rate = min(rate, memory.rate * (_SAME_RISE if sure else _RISE))
        memory.rate = rate if 1 / _HUGE < rate < _HUGE else last  # a loss below the floor: kept
        return fuel

    def _check(self, memory: _Memory, use: float, batch: _Batch) -> tuple[float, str]:
        """Look where this rate leads, learn from the shortfall, and shorten a step that would raise the loss."""
        use, after, tries = batch.first_finite(use)
        memory.rate = (memory.rate or use) / 2**tries
        why = "loss not finite: smaller step" if tries else ""
        if not _plain(after):
            return 0.0, why
        memory.led = after
        if memory.sure():  # the next loss tells the rest
            return use, why
        made = use * batch.share
        promise, kept = made * batch.slope, batch.loss - after
        if abs(promise) <= _SEEN * memory.noise * abs(batch.loss):
            memory.curvature *= _KEEP_EDGE  # drowned in the noise: let the rate rise until the decrease is seen
            return use, why
        memory.learn(made, batch.slope, batch.loss, after)
        if self.beta == 0 and promise > 0 and kept < 0:
            return use * promise / (2 * (promise - kept)), "loss would rise: lowest point of the parabola"
        if self.beta > 0 and kept < -0.5 * (abs(promise) + abs(memory.now())):
            memory.led = None
            return use / 2, "loss would rise: half a step"
        return use, why


class _Memory:
    """The state while one update works on it; None until known."""

    updates: int = 0  # done, those without a step left out
    top: float = 0.0  # the highest rate of the text: the starting rate, where no schedule rises
    rate: float | None = None  # η_t
    slopes: float = 0.0  # mean s, times `weight`
    curvature: float = 0.0  # Σ 2(p − a)/η² over the checks
    pull: float = 0.0  # Σs over the checks
    noise: float = 0.0  # relative deviation of the loss of one batch: above 0 where the loss draws random numbers
    mean: float = 0.0  # of L, times `weight`
    weight: float = 0.0
    lowest: float | None = None  # mean L
    first: float | None = None  # L
    below: float = 0.0  # share of losses below the floor
    lengths: float = 0.0  # mean ‖u‖, times `weight`
    same: int = 0  # checks in a row that the next loss confirmed
    led: float | None = None  # the loss where the last step led, if a check saw it
    before: float = 0.0  # the last loss
    slope: float = 0.0  # its slope
    made: float = 0.0  # and the rate of its step

    def __init__(self, *values: float | None) -> None:
        self.odd = False  # whether the slope of this update stands out: nothing to learn a rate from
        self.__dict__.update(zip(self.__annotations__, values, strict=True))

    def saved(self) -> State:
        return Remembered(*(getattr(self, name) for name in self.__annotations__))

    def factor(self, rate: float | None) -> float:
        """A rate as a share of the starting rate; 1 while there is none."""
        return 1.0 if rate is None else rate / self.top

    def sure(self) -> bool:
        """Whether every update sees the same problem."""
        return self.same >= _CONFIRMED

    def compare(self, loss: float) -> None:
        """Is this the loss that the last check saw? Where the problem stays the same, each loss is a check for free."""
        if self.led is not None:
            close = abs(loss - self.led) <= _SAME * abs(self.before - self.led) + _ROUNDING * abs(self.led)
            self.same = self.same + 1 if close else 0
        if self.sure() and abs(self.made * self.slope) > _SEEN * self.noise * abs(self.before):
            self.learn(self.made, self.slope, self.before, loss)

    def wants_check(self) -> bool:
        if self.sure():
            return self.updates & (self.updates - 1) == 0 or self.updates % _RARELY == 0
        return self.updates % _EVERY == 0 or self.updates < _EAGER

    def take_in(self, left: float, slope: float, length: float, keep: float) -> None:
        # a huge gradient in an ordinary direction was clipped; in a huge one it stays in the momentum, and must be felt
        self.odd = False
        if self.updates >= _EAGER and length * self.weight <= _COUNTS**2 * self.lengths:
            mean = self.slopes / self.weight
            self.odd = slope > _ABSURD * mean > 0
            slope = _COUNTS * mean if self.odd else slope
            left = _COUNTS * self.now() if left > _ABSURD * self.now() > 0 else left
        self.lengths, self.slopes = keep * self.lengths + (1 - keep) * length, keep * self.slopes + (1 - keep) * slope
        self.mean, self.weight = keep * self.mean + (1 - keep) * left, keep * self.weight + (1 - keep)
        self.below = _KEEP_BELOW * self.below + (1 - _KEEP_BELOW) * (left < 0)
        self.first = left if self.first is None else self.first
        if self.updates >= _LOWEST_FROM:
            self.lowest = self.now() if self.lowest is None else min(self.lowest, self.now())

    def now(self) -> float:
        """The mean loss left."""
        return self.mean / self.weight

    def hurt(self) -> float:
        if self.lowest is None or self.lowest <= 0 or self.now() <= 0:
            return 1.0
        share: float = min(1.0, self.lowest / self.now()) ** _HURT
        return max(_HURT_LEAST, share)

    def progress(self) -> float:
        """Factors e by which the loss left fell, less the more losses lie below the floor."""
        if self.first is None or self.first <= 0 or self.now() <= 0:
            return 0.0
        factors = max(0.0, math.log(self.first) - math.log(self.now())) * max(0.0, 1 - self.below / _BELOW)
        return factors * min(1.0, max(0.0, (factors - _EARNED_FROM) / (_EARNED_WHOLE - _EARNED_FROM)))

    def learn(self, made: float, slope: float, loss: float, after: float) -> None:
        """Take in a check; one absurd number is forgotten, and so is a batch whose slope stands out."""
        if self.odd:
            return
        promise = made * slope
        trust = 1 / (1 + (_DOUBT * self.noise * loss / promise) ** 2)
        curvature = _KEEP_EDGE * self.curvature + trust * 2 * ((promise - (loss - after)) / made) / made
        pull = _KEEP_EDGE * self.pull + trust * slope
        if _plain(curvature, pull):
            self.curvature, self.pull = curvature, pull


Remembered: Callable[..., State] = frozen("Remembered", _Memory)


class _Batch:
    """The batch of one update: loss, slope and ‖u‖ here, the loss where a rate leads, what a schedule leaves of η_t."""

    __slots__ = ("length", "loss", "loss_at", "share", "slope")

    def __init__(
        self, loss: float, slope: float, length: float, share: float, loss_at: Callable[[float], float]
    ) -> None:
        self.loss, self.slope, self.length, self.share, self.loss_at = loss, slope, length, share, loss_at

    def first_finite(self, use: float) -> tuple[float, float, int]:
        """The rate, or one up to three times shorter by 4, where the loss is finite; that loss, and how many times."""
        after, tries = float(self.loss_at(use * self.share)), 0
        while not _plain(after) and tries < _SHORTER:
            use, tries = use / 4, tries + 1
            after = float(self.loss_at(use * self.share))
        return use, after, tries

    def noise(self) -> float:
        """The relative deviation of the loss when the same batch is evaluated again."""
        losses = [self.loss, *(float(self.loss_at(0.0)) for _ in range(_AGAIN))]
        losses = [one for one in losses if _plain(one)]
        mean = sum(losses) / len(losses)
        deviation = math.sqrt(sum((one - mean) ** 2 for one in losses) / max(1, len(losses) - 1))
        return min(max(deviation / max(abs(self.loss), 1e-300), 1e-15), 1.0)

    def search(self, start: float, noise: float) -> tuple[float, float]:
        """From the starting rate to one at which the shortfall shows: curvature and slope there."""
        rate, good, bad, curvature = start, None, None, 0.0
        for _ in range(_SEARCH):
            promise, after = rate * self.slope, float(self.loss_at(rate))
            short = promise - (self.loss - after)
            if not _plain(after) or short > promise + _SURE * noise * abs(self.loss):  # the loss would rise
                bad, rate = rate, rate / 4
                if good is not None:
                    break
                continue
            good, curvature = rate, 2 * (short / rate) / rate
            rate *= _farther(promise, short, noise * abs(self.loss))
            if rate == good or (bad is not None and rate >= bad):
                break
        if 0 < curvature < _HUGE:
            return curvature, abs(self.slope) or 1.0
        return (self.slope if self.slope > 0 else 1.0) / (rate if good is None else good), abs(self.slope) or 1.0


def _farther(promise: float, short: float, deviation: float) -> float:
    """By how much the search goes on from a rate that lowers the loss; 1: far enough."""
    if promise < _DOUBT * deviation:
        return 10.0 if promise < deviation else 2.0
    if short < 0.25 * promise:
        return 3.0 if short > 0.025 * promise else 8.0
    return 1.0


def _plain(*values: float) -> bool:
    return all(abs(one) < _HUGE for one in values)  # False for NaN and infinities
