"""The race: candidates begin the real schedule, pause, and go on where a posterior of the basin expects most."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ...problems import Floats
from .answer import Asked
from .basin import Basin
from .policy import EPS, Policy, place_of
from .seen import Seen

PAUSES = (0.1, 0.2, 0.3, 0.5, 0.75)  # shares of the run
ENOUGH = 1e-7  # expected gain
FOR_RATES, SEEDS_FROM = 5.0, 6.0  # runs for each strategy: what looks for a rate where more than six are paid for


@dataclass(frozen=True)
class Race(Policy):
    """Compare candidates at pauses of the real schedule; resume or add the one with the largest gain for its cost.

    Formula: the gain is E max(0, excess of the leader − excess of the candidate) under `Basin`, its cost what is left
    of it up to the farthest pause that the budget allows. The leader, who must be affordable to its end, has the least
    expected excess; of finished runs it has the least mean of its own level and the expected one. Use `Tune` instead,
    which adds what makes it robust; this is the plain form, to compare with.
    """

    def decide(self, runs: list[Seen]) -> Asked | None:
        if not any(one.passed for one in runs):
            return self._start(runs)
        now = Now(self, runs)
        return self._start(runs) or self.explore(now) or self.finish(now) or self.more_seeds(now)

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

    def _start(self, runs: list[Seen]) -> Asked | None:
        """The first pause of each strategy's safest rate, as far as the budget goes beyond one run."""
        for arm in range(len(self.strategies)):
            if not any(one.arm == arm and one.passed for one in runs):
                basin = self.basin(arm, [])
                wanted = [(arm, float(basin.grid[basin.risk.argmin()]), self.seeds[0], self.pauses[0])]
                ends = 1 - max((one.share for one in runs), default=1 - self.pauses[0])
                if runs and self.pauses[0] + ends > self.budget - self.spent(runs) + EPS:
                    return None
                return self.asked(wanted, runs, "the least risk before anything is known")
        return None

    # the three rules that make it: who leads, what a candidate may win, which of them the budget allows

    def leader(self, now: Now) -> tuple[int, int] | None:
        """The strategy and rate that would be finished now; None where nothing can be."""
        done = [key for key, one in now.at.items() if one.done]
        if done:
            return min(done, key=lambda key: now.at[key].levels[-1] + math.log1p(now.basins[key[0]].risk[key[1]]))
        return now.safest()

    def gains(self, now: Now, lead: tuple[int, int]) -> list[Floats]:
        """What each rate of each strategy may be expected to win over the leader."""
        reached = now.reached(lead)
        found = [-np.expm1(-np.maximum(0, one.reached - reached)) for one in now.basins]
        weighed = [one.weights @ won for one, won in zip(now.basins, found, strict=True)]
        return [now.basins[arm].gain(lead[1]) if arm == lead[0] else won for arm, won in enumerate(weighed)]

    def fits(self, now: Now, key: tuple[int, int], to: float, lead: tuple[int, int]) -> bool:
        """Whether the budget allows a candidate's next pause, and the leader's end after it."""
        return now.open(key) and to - now.share(key) + 1 - now.share(lead) <= now.left + EPS

    # what they lead to

    def explore(self, now: Now) -> Asked | None:
        """The next pause of the leader while it is behind, else of the candidate with the largest gain for its cost."""
        lead = self.leader(now)
        if lead is None:
            return None
        if lead not in now.at:
            return now.ask(lead, self.pauses[0], "the least expected excess")
        farthest = max((one.share for one in now.at.values() if not one.lost), default=0.0)
        ahead = self._next(now.share(lead), self.farthest)
        if now.share(lead) < farthest - EPS and ahead:
            return now.ask(lead, ahead, "the leader catches up")
        gains, best, value = self.gains(now, lead), None, ENOUGH
        for arm, basin in enumerate(now.basins):
            for i in range(len(basin.grid)):
                key, to = (arm, i), self._next(now.share((arm, i)), self.farthest)
                if key == lead or to is None or now.lost(key) or not self.fits(now, key, to, lead):
                    continue
                if gains[arm][i] >= ENOUGH and gains[arm][i] / max(self.farthest - now.share(key), 0.01) > value:
                    best, value = (key, to), gains[arm][i] / max(self.farthest - now.share(key), 0.01)
        if best is None:
            return None
        return now.ask(*best, f"it may be expected to win {gains[best[0][0]][best[0][1]]:.1%}")

    def _next(self, share: float, last: float = 1.0) -> float | None:
        """The pause after a share; a share is a little above its pause where looks are rare."""
        there = (one for one in self.pauses if one <= last + EPS and self.until(one) > share * self.steps + EPS)
        return next(there, None)

    def finish(self, now: Now) -> Asked | None:
        """The leader goes to its end, and pauses on its way, so that it is stopped where it collapses."""
        lead = self.leader(now)
        ahead = None if lead is None else self._next(now.share(lead))
        return None if lead is None or ahead is None else now.ask(lead, ahead, "the leader is finished")

    def more_seeds(self, now: Now) -> Asked | None:
        """Other seeds at the leader's rate, where the budget is large."""
        lead = self.leader(now)
        if lead is None or self.for_rates == self.budget:
            return None
        x = float(now.basins[lead[0]].grid[lead[1]])
        wanted = [(lead[0], x, seed, 1.0) for seed in self.seeds[1:]]
        return self.asked(wanted, now.runs, "other seeds at the rate that leads")


class Now:
    """What the race knows at one moment: the basins, and the runs of the first seed by strategy and place."""

    def __init__(self, policy: Race, runs: Sequence[Seen]) -> None:
        self.policy, self.runs = policy, runs
        seed = policy.seeds[0]
        mine = [one for one in runs if one.trial.seed == seed and one.passed]
        self.basins: list[Basin] = [policy.basin(arm, mine) for arm in range(len(policy.strategies))]
        self.at = {(one.arm, self._place(one)): one for one in mine}
        self.left = policy.for_rates - sum(one.share for one in mine)

    def _place(self, one: Seen) -> int:
        x = place_of(one.x, self.policy.octaves)
        return int(np.abs(self.basins[one.arm].grid - x).argmin())

    def share(self, key: tuple[int, int]) -> float:
        """How far a candidate is."""
        return self.at[key].share if key in self.at else 0.0

    def lost(self, key: tuple[int, int]) -> bool:
        """Whether a candidate is given up."""
        return key in self.at and self.at[key].lost

    def open(self, key: tuple[int, int]) -> bool:
        """Whether a candidate was begun, or may be."""
        return key in self.at or self.policy.may_begin(len(self.runs))

    def reached(self, key: tuple[int, int]) -> float:
        """The whole descent that a candidate made or may be expected to make."""
        one = self.at.get(key)
        if one is not None and one.done:
            return float(one.start - one.levels[-1])
        basin = self.basins[key[0]]
        return float(basin.weights @ basin.reached[:, key[1]])

    def safest(self, whole: bool = True) -> tuple[int, int] | None:
        """The best strategy's rate of least expected excess; with `whole` only those that can be finished."""
        found = []
        for arm, basin in enumerate(self.basins):
            keys = [(arm, i) for i in range(len(basin.grid)) if not self.lost((arm, i)) and self.open((arm, i))]
            keys = [key for key in keys if not whole or 1 - self.share(key) <= self.left + EPS]
            if keys:
                found.append(min(keys, key=lambda key: basin.risk[key[1]]))
        if len(found) > 1 and (tried := [key for key in found if any(arm == key[0] for arm, _ in self.at)]):
            found = tried
        return max(found, key=self.reached, default=None)

    def ask(self, key: tuple[int, int], share: float, why: str) -> Asked | None:
        """Ask for a candidate up to a share of its run."""
        x = float(self.basins[key[0]].grid[key[1]])
        return self.policy.asked([(key[0], x, self.policy.seeds[0], share)], self.runs, why)
