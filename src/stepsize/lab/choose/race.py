"""The race: candidates begin the real schedule, pause, and go on where a posterior of the basin expects most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..._errors import whole
from ..._language import Note
from ...problems import Floats
from ..trials.outcome import Outcome
from .answer import Asked, Verdict
from .basin import Basin
from .policy import EPS, Policy, place_of
from .seen import Seen
from .wide import ENOUGH, beside, unfinished

PAUSES = (0.1, 0.2, 0.3, 0.5, 0.75)  # shares of the run
Key = tuple[int, int]  # a strategy, and the place of a rate in its basin's grid
FOR_RATES, SEEDS_FROM = 5.0, 6.0  # runs for each strategy: what looks for a rate where more than six are paid for


@dataclass(frozen=True)
class Step:
    """A candidate's next pause, and why it should go there."""

    key: Key
    to: float
    why: str = ""


@dataclass(frozen=True)
class Race(Policy):
    """Compare candidates at pauses of the real schedule; resume or add the one with the largest gain for its cost.

    Formula: the gain is E max(0, excess of the leader − excess of the candidate) under `Basin`, its cost what is left
    of it up to the farthest pause that the budget allows. The leader, who must be affordable to its end, has the least
    expected excess; of finished runs it has the least mean of its own level and the expected one. Use `Tune` instead,
    which adds what makes it robust; this is the plain form, to compare with.

    `together` ≥ 1 is how many trials it may ask for at a time. More than one go from the same update to the same pause,
    so that they train as one lot. Use several where that costs little more than one, or where several places train.
    """

    together: int = 1

    def __post_init__(self) -> None:
        super().__post_init__()
        whole("a policy", "together", self.together, low=1)

    def ask(self, outcomes: Sequence[Outcome]) -> Asked | Verdict:
        told = self.told(outcomes)
        open_still = unfinished(self, told) if self.together > 1 else None
        if open_still is not None:
            return open_still
        runs = self.look(told.values())
        return self.decide(runs) or self.verdict(runs)

    def decide(self, runs: list[Seen]) -> Asked | None:
        return self.next(Now(self, runs))

    def next(self, now: Now) -> Asked | None:
        """What should be trained next, None for nothing."""
        rules = (self._start, self.explore, self.finish) if now.at else (self._start,)
        found = next((asked for rule in rules if (asked := self._ask(now, rule(now)))), None)
        return found or (self.more_seeds(now) if now.at else None)

    @property
    def for_rates(self) -> float:
        """The part of the budget that looks for a rate, in runs; the rest goes to other seeds, where there are any.

        More rates than that mostly find one that is best by luck.
        """
        few = len(self.seeds) == 1 or self.budget < SEEDS_FROM * len(self.strategies)
        return self.budget if few else FOR_RATES * len(self.strategies)

    @property
    def pauses(self) -> tuple[float, ...]:
        return (*PAUSES, 1.0)

    @cached_property
    def farthest(self) -> float:
        """The pause that candidates are compared at in the end: as far as the budget beyond one run allows."""
        more = self.for_rates - 1
        far = 0.1 if more < 0.2 else 0.2 if more < 0.45 else 0.3 if more < 0.8 else min(1.0, more / 2)
        return max(one for one in self.pauses if one <= far + EPS)

    def _start(self, now: Now) -> Step | None:
        """The first pause of each strategy's safest rate, as far as the budget goes beyond one run."""
        for arm in range(len(self.strategies)):
            if not any(one.arm == arm and one.passed for one in now.runs):
                safest = int(self.basin(arm, []).risk.argmin())
                ends = 1 - max((one.share for one in now.runs), default=1 - self.pauses[0])
                if now.runs and self.pauses[0] + ends > self.budget - self.spent(now.runs) + EPS:
                    return None
                return Step((arm, safest), self.pauses[0], Note("the least risk before anything is known"))
        return None

    def _ask(self, now: Now, step: Step | None) -> Asked | None:
        """Ask for a step, and for what trains beside it."""
        if step is None:
            return None
        steps = [step, *(beside(self, now, step) if self.together > 1 else [])]
        return now.ask([(one.key, one.to) for one in steps], step.why)

    # the three rules that make it: who leads, what a candidate may win, which of them the budget allows

    def leader(self, now: Now) -> Key | None:
        """The strategy and rate that would be finished now; None where nothing can be."""
        done = [key for key, one in now.at.items() if one.done]
        if done:
            return min(done, key=lambda key: now.at[key].levels[-1] + math.log1p(now.basins[key[0]].risk[key[1]]))
        return now.safest()

    def wins(self, now: Now, lead: Key) -> list[Floats]:
        """What each rate of each strategy would win over the leader, by hypothesis."""
        reached = now.reached(lead)
        found: list[Floats] = [-np.expm1(-np.maximum(0, one.reached - reached)) for one in now.basins]
        found[lead[0]] = now.basins[lead[0]].wins(lead[1])
        return found

    def gains(self, now: Now, lead: Key) -> list[Floats]:
        """What each rate of each strategy may be expected to win over the leader."""
        return [one.weights @ won for one, won in zip(now.basins, self.wins(now, lead), strict=True)]

    def fits(self, now: Now, key: Key, to: float, lead: Key) -> bool:
        """Whether the budget allows a candidate's next pause, and the leader's end after it."""
        return now.open(key) and to - now.share(key) + 1 - now.share(lead) <= now.left + EPS

    # what they lead to

    def explore(self, now: Now) -> Step | None:
        """The next pause of the leader while it is behind, else of the candidate with the largest gain for its cost."""
        lead = self.leader(now)
        if lead is None:
            return None
        if lead not in now.at:
            return Step(lead, self.pauses[0], Note("the least expected excess"))
        farthest = max((one.share for one in now.at.values() if not one.lost), default=0.0)
        ahead = self.following(now.share(lead), self.farthest)
        if now.share(lead) < farthest - EPS and ahead:
            return Step(lead, ahead, Note("the leader catches up"))
        gains, best, value = self.gains(now, lead), None, ENOUGH
        for key, to in self.candidates(now):
            won, left = gains[key[0]][key[1]], max(self.farthest - now.share(key), 0.01)
            if key != lead and won >= ENOUGH and won / left > value and self.fits(now, key, to, lead):
                why = Note("it may be expected to win {won:.1%}", won=won)
                best, value = Step(key, to, why), won / left
        return best

    def candidates(self, now: Now) -> Iterator[tuple[Key, float]]:
        """Every strategy and rate that is not lost and not at the farthest pause yet, with its next one."""
        for arm, basin in enumerate(now.basins):
            for i in range(len(basin.grid)):
                to = self.following(now.share((arm, i)), self.farthest)
                if to is not None and not now.lost((arm, i)):
                    yield (arm, i), to

    def following(self, share: float, last: float = 1.0) -> float | None:
        """The pause after a share; a share is a little above its pause where looks are rare."""
        there = (one for one in self.pauses if one <= last + EPS and self.until(one) > share * self.steps + EPS)
        return next(there, None)

    def finish(self, now: Now) -> Step | None:
        """The leader goes to its end, and pauses on its way, so that it is stopped where it collapses."""
        lead = self.leader(now)
        ahead = None if lead is None else self.following(now.share(lead))
        return None if lead is None or ahead is None else Step(lead, ahead, Note("the leader is finished"))

    def more_seeds(self, now: Now) -> Asked | None:
        """Other seeds at the leader's rate, where the budget is large."""
        lead = self.leader(now)
        if lead is None or self.for_rates == self.budget:
            return None
        x = float(now.basins[lead[0]].grid[lead[1]])
        wanted = [(lead[0], x, seed, 1.0) for seed in self.seeds[1:]]
        return self.asked(wanted, now.runs, Note("other seeds at the rate that leads"))


class Now:
    """What the race knows at one moment: the basins, and the runs of the first seed by strategy and place."""

    def __init__(self, policy: Race, runs: Sequence[Seen]) -> None:
        self.policy, self.runs = policy, runs
        seed = policy.seeds[0]
        mine = [one for one in runs if one.trial.seed == seed and one.passed]
        self.basins: list[Basin] = [policy.basin(arm, mine) for arm in range(len(policy.strategies))]
        self.at = {(one.arm, self._place(one)): one for one in mine}
        self.ahead: dict[Key, float] = {}
        self.left = policy.for_rates - sum(one.share for one in mine)

    def _place(self, one: Seen) -> int:
        x = place_of(one.x, self.policy.octaves)
        return int(np.abs(self.basins[one.arm].grid - x).argmin())

    def share(self, key: Key) -> float:
        """How far a candidate is."""
        there = self.at[key].share if key in self.at else 0.0
        return max(there, self.ahead.get(key, 0.0))

    def after(self, steps: Sequence[tuple[Key, float]]) -> Now:
        """The same, where these steps are paid for and nothing of what they tell is known."""
        found = copy(self)
        found.left = self.left - sum(to - self.share(key) for key, to in steps)
        found.ahead = dict(steps)
        return found

    def lost(self, key: Key) -> bool:
        """Whether a candidate is given up."""
        return key in self.at and self.at[key].lost

    def open(self, key: Key) -> bool:
        """Whether a candidate was begun, or may be."""
        return key in self.at or self.policy.may_begin(len(self.runs))

    def reached(self, key: Key) -> float:
        """The whole descent that a candidate made or may be expected to make."""
        one = self.at.get(key)
        if one is not None and one.done:
            return float(one.start - one.levels[-1])
        basin = self.basins[key[0]]
        return float(basin.weights @ basin.reached[:, key[1]])

    def safest(self, whole: bool = True) -> Key | None:
        """The best strategy's rate of least expected excess; with `whole` only those that can be finished."""
        found = []
        for arm, basin in enumerate(self.basins):
            keys = [(arm, i) for i in range(len(basin.grid)) if not self.lost((arm, i)) and self.open((arm, i))]
            keys = [key for key in keys if not whole or 1 - self.share(key) <= self.left + EPS]
            if keys:
                found.append(min(keys, key=self.risk))
        if len(found) > 1 and (tried := [key for key in found if any(arm == key[0] for arm, _ in self.at)]):
            found = tried
        return max(found, key=self.reached, default=None)

    def safest_begun(self) -> Key | None:
        """The best strategy's rate of least expected excess among those that run: what to name if it ends now."""
        alive = [key for key, one in self.at.items() if not one.lost]
        arms = [[key for key in alive if key[0] == arm] for arm in range(len(self.basins))]
        found = [min(keys, key=lambda key: (self.risk(key), self.at[key].trial.rate)) for keys in arms if keys]
        return max(found, key=self.reached, default=None)

    def risk(self, key: Key) -> float:
        """The expected excess of a candidate over the best rate of its strategy."""
        return float(self.basins[key[0]].risk[key[1]])

    def ask(self, wanted: Sequence[tuple[Key, float]], why: str) -> Asked | None:
        """Ask for candidates up to shares of their runs."""
        seed = self.policy.seeds[0]
        rows = [(arm, float(self.basins[arm].grid[i]), seed, share) for (arm, i), share in wanted]
        return self.policy.asked(rows, self.runs, why)
