"""What every policy is made of: what may be trained, what that costs, and how a verdict is written."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache

import numpy as np

from ..._errors import StepsizeError
from ..._language import say
from ...descents import descent
from ...problems import Floats
from ...text import as_descent
from ..trials.outcome import Outcome
from ..trials.trial import Trial
from .answer import Asked, Part, Verdict
from .basin import Basin
from .prior import Earlier, Prior, prior_of
from .seen import Seen, Told, marks, seen
from .verdict import told

EPS = 1e-9
Key = tuple[int, float, int]  # the strategy, the rate and the seed of a trial


@dataclass(frozen=True)
class Policy:
    """What to train next, as a pure function of what was trained: `ask` names trials, or gives the verdict.

    `strategies` are texts; the rates that they are written with are guesses, and are used as such. `problem` is its
    fingerprint, `steps` the updates of a whole run, `seeds` which may be used (the first one decides, more of them are
    used where the budget is large), `budget` in whole runs, ≥ 1: a run that stops costs what it used. Rates are powers
    of two in steps of `octaves`, of two digits. `trials` is how many may be begun at most, None for any number: one
    that pauses and goes on counts once, another seed is another trial. `earlier` is what earlier tunes found.

    The answer depends on the set of outcomes alone, not on their order; one between two pauses counts as at the lower.
    So a search that was killed goes on as if it had not been, and a larger budget goes on from what a smaller one did.
    """

    strategies: tuple[str, ...]
    problem: str
    steps: int
    budget: float
    seeds: tuple[int, ...] = (0,)
    batch_size: int | None = None
    measure_every: int = 1
    octaves: float = 0.5
    parsed: tuple[descent, ...] = field(default=(), compare=False, repr=False)
    trials: int | None = None
    earlier: tuple[Earlier, ...] = ()

    def __post_init__(self) -> None:
        if not self.strategies or not self.seeds:
            raise StepsizeError('a policy needs a strategy and a seed: write strategies=("adam() | 1e-3",), seeds=(0,)')
        if not (math.isfinite(self.budget) and self.budget >= 1):
            told = say("budget must be a number ≥ 1 of runs, not {budget!r}: one run is the least", budget=self.budget)
            raise StepsizeError(told)
        if self.trials is not None and not self.trials >= 1:
            told = say("budget must be at least 1 trial, not {trials!r}: write 12trials", trials=self.trials)
            raise StepsizeError(told)
        if not (math.isfinite(self.octaves) and self.octaves > 0):
            raise StepsizeError(f"octaves must be a number above 0, not {self.octaves!r}: write 0.5")
        if not self.parsed:
            object.__setattr__(self, "parsed", tuple(as_descent(one) for one in self.strategies))

    def ask(self, outcomes: Sequence[Outcome]) -> Asked | Verdict:
        """What should be trained next after these outcomes, in any order; or the verdict."""
        runs = self.seen(outcomes)
        return self.decide(runs) or self.verdict(runs)

    def decide(self, runs: list[Seen]) -> Asked | None:
        """What should be trained next, None for nothing."""
        raise NotImplementedError

    # what was trained

    @cached_property
    def names(self) -> dict[str, int]:
        """The number of each strategy, by its text at a base rate of 1."""
        return {str(one.with_base(1.0)): i for i, one in reversed(list(enumerate(self.parsed)))}

    @property
    def pauses(self) -> tuple[float, ...]:
        """The shares of a run where this policy looks."""
        return (1.0,)

    @cached_property
    def marks(self) -> tuple[int, ...]:
        """After which updates trials may pause."""
        return marks(self.steps, self.measure_every)

    def told(self, outcomes: Sequence[Outcome]) -> dict[Key, Told]:
        """What is known of the trials that belong here, by their key: the farthest of each."""
        mine: dict[Key, tuple[int, Outcome]] = {}
        for one in outcomes:
            arm = self.arm(one.trial)
            if arm is None:
                continue
            key = (arm, one.trial.rate, one.trial.seed)
            if key not in mine or one.made > mine[key][1].made:
                mine[key] = (arm, one)
        return {key: Told.of(*row) for key, row in mine.items()}

    def seen(self, outcomes: Sequence[Outcome]) -> list[Seen]:
        """What is seen of the outcomes that belong here, one of each trial: the farthest."""
        return self.look(self.told(outcomes).values())

    def look(self, told: Collection[Told]) -> list[Seen]:
        """What is seen of trials."""
        return seen(list(told), self.steps, self.measure_every, self.pauses_at)

    @cached_property
    def pauses_at(self) -> list[int]:
        """After which updates this policy looks."""
        return [self.until(one) for one in self.pauses]

    def arm(self, trial: Trial) -> int | None:
        """The number of its strategy; None for a trial of something else."""
        same = (self.problem, self.steps, self.batch_size, self.measure_every)
        if (trial.problem, trial.steps, trial.batch_size, trial.measure_every) != same:
            return None
        return self.names.get(_unit(trial.text))

    def spent(self, runs: Sequence[Seen]) -> float:
        """What these cost, in whole runs."""
        return sum(one.made for one in runs) / self.steps

    # what may be trained

    def trial(self, arm: int, rate: float, seed: int) -> Trial:
        """The trial of a strategy at a rate with a seed."""
        text = self.strategies[arm]
        return Trial(
            text, text, self.problem, rate, seed, self.steps, self.batch_size, self.measure_every, self.parsed[arm]
        )

    @cached_property
    def priors(self) -> tuple[Prior, ...]:
        """What is believed of each strategy's best rate before anything ran."""
        return tuple(prior_of(one, self.earlier) for one in self.parsed)

    def rates(self, arm: int) -> Floats:
        """The rates that may be tried, rising, as powers of two."""
        low, high = self.priors[arm].range
        first, last = math.ceil(low / self.octaves), math.floor(high / self.octaves)
        found: Floats = np.arange(first, last + 1, dtype=np.float64) * self.octaves
        return found

    def around(self, arm: int, octaves: float) -> list[float]:
        """Rates so far apart, from the centre of the prior outwards, upwards first."""
        grid = self.rates(arm)
        centre = float(grid[np.abs(grid - self.priors[arm].centre).argmin()])
        steps = range(1, 2 + int((grid[-1] - grid[0]) / octaves))
        offsets = [0.0, *(sign * i * octaves for i in steps for sign in (1, -1))]
        return [centre + one for one in offsets if grid[0] <= centre + one <= grid[-1]]

    def in_turn(self, octaves: float) -> list[tuple[int, float]]:
        """The rates `around` of all strategies, which take turns."""
        columns = [self.around(arm, octaves) for arm in range(len(self.strategies))]
        longest = max(map(len, columns))
        return [(arm, column[i]) for i in range(longest) for arm, column in enumerate(columns) if i < len(column)]

    def until(self, share: float) -> int:
        """The first mark at or after a share of the run."""
        return next((one for one in self.marks if one >= share * self.steps - EPS * self.steps), self.steps)

    def asked(self, wanted: Sequence[tuple[int, float, int, float]], runs: Sequence[Seen], why: str) -> Asked | None:
        """Ask for strategies at rates (powers of two) with seeds up to shares: what is not done yet and affordable."""
        left = self.budget - self.spent(runs)
        parts: list[Part] = []
        done = {(one.arm, one.trial.rate, one.trial.seed): one for one in runs}
        begun = len(runs)
        for arm, x, seed, share in wanted:
            one, until = done.get((arm, rate_of(x), seed)), self.until(share)
            made = 0 if one is None else one.made
            trial = self.trial(arm, rate_of(x), seed)
            if (one is not None and one.broke) or until <= made or any(part.trial == trial for part in parts):
                continue
            if (until - made) / self.steps <= left + EPS and (one is not None or self.may_begin(begun)):
                begun += one is None
                left -= (until - made) / self.steps
                parts.append(Part(trial, until))
        return Asked(tuple(parts), why) if parts else None

    def may_begin(self, begun: int) -> bool:
        """Whether one more trial may begin after so many."""
        return self.trials is None or begun < self.trials

    # the verdict

    def chosen(self, runs: Sequence[Seen]) -> Seen:
        """The run with the lowest loss at its end; where none was finished, the lowest of those that went farthest."""
        done = [one for one in runs if one.done]
        if done:
            return min(done, key=lambda one: (one.levels[-1], one.trial.rate))
        alive = [one for one in runs if not one.lost] or list(runs)
        far = max(one.share for one in alive)
        return min((one for one in alive if one.share >= far - EPS), key=lambda one: (one.level(far), one.trial.rate))

    def basin(self, arm: int, runs: Sequence[Seen]) -> Basin:
        """What is known of a strategy's basin after these runs, with the first seed that any of them had."""
        mine = [one for one in runs if one.arm == arm]
        seed = min((self.seeds.index(one.trial.seed) for one in mine if one.trial.seed in self.seeds), default=0)
        mine = [one for one in mine if one.trial.seed == self.seeds[seed]]
        grid = np.array(sorted({*self.rates(arm).tolist(), *(place_of(one.x, self.octaves) for one in mine)}))
        return Basin.fitted(self.priors[arm], grid, mine, [place_of(one.x, self.octaves) for one in mine], self.budget)

    def verdict(self, runs: Sequence[Seen]) -> Verdict:
        """The verdict after these runs, of which there must be at least one."""
        best = self.chosen(runs)
        x = place_of(best.x, self.octaves)
        return told(best, runs, self.basin(best.arm, runs), x, self.spent(runs), self.strategies)


def rate_of(x: float) -> float:
    """The rate of two digits nearest to a power of two."""
    return float(f"{2.0**x:.2g}")


def place_of(x: float, octaves: float) -> float:
    """The power of two whose rate of two digits this is; the power itself where it is none."""
    near = round(x / octaves) * octaves
    return near if rate_of(near) == float(f"{2.0**x:.12g}") else x


@lru_cache(maxsize=1000)
def _unit(text: str) -> str:
    return str(as_descent(text).with_base(1.0))
