"""The climb: whole runs, downhill in steps of two octaves, then closer; one far behind is stopped."""

from __future__ import annotations

from dataclasses import dataclass

from .answer import Asked
from .policy import EPS, Policy, place_of
from .seen import Seen

CHECKS = (0.25, 0.5)  # shares of the run
STEPS = (2.0, 1.0, 0.5)  # octaves


@dataclass(frozen=True)
class Climb(Policy):
    """Walk downhill from the centre of the prior with whole runs, in steps of two octaves, then one, then a half.

    Formula: a run stops at a quarter or a half of its way where its loss is above the lowest one there, of the runs
    that were finished, by more than a factor e^`prune`; the next rate is the nearest untried neighbour of the best run.
    Use it where a run cannot be paused for long, or where nothing is believed of the basin's shape; it has an answer
    after every run. At `prune` of 0.1 and below good runs are lost. Of several strategies each makes one run, then the
    best goes on. `up_first` says on which side of the best the next one is tried first.
    """

    prune: float = 0.4
    up_first: bool = True

    @property
    def pauses(self) -> tuple[float, ...]:
        return (*CHECKS, 1.0)

    def decide(self, runs: list[Seen]) -> Asked | None:
        mine = [one for one in runs if one.trial.seed == self.seeds[0]]
        for one in mine:
            goes_on = self.further(one, mine, runs)
            if goes_on:
                return goes_on
        if self.budget - self.spent(runs) < 1 - EPS:
            return None
        for arm, start in self.in_turn(2.0)[: len(self.strategies)]:
            if not any(one.arm == arm for one in mine):
                return self.asked([(arm, start, self.seeds[0], self._first(mine))], runs, "the start")
        return self._step(mine, runs)

    def further(self, one: Seen, mine: list[Seen], runs: list[Seen]) -> Asked | None:
        """How one of the runs goes on; None where it is over, or the budget is."""
        if self._over(one, mine):
            return None
        share = next((check for check in CHECKS if check > one.share + EPS), 1.0)
        share = share if any(other.done for other in mine) else 1.0
        return self.asked([(one.arm, place_of(one.x, self.octaves), self.seeds[0], share)], runs, "it goes on")

    def _first(self, mine: list[Seen]) -> float:
        return CHECKS[0] if any(one.done for one in mine) else 1.0

    def _over(self, one: Seen, mine: list[Seen]) -> bool:
        """Whether it is finished, broken, or so far behind that it stops."""
        if one.broke or one.done:
            return True
        there = [other.level(one.share) for other in mine if other.done]
        checked = any(abs(one.share - self.until(check) / self.steps) < EPS for check in CHECKS)
        return checked and bool(there) and one.level(one.share) > min(there) + self.prune

    def _step(self, mine: list[Seen], runs: list[Seen]) -> Asked | None:
        """The nearest untried neighbour of the best run, of the farthest kind that is left."""
        best = self.chosen(mine)
        tried = {place_of(one.x, self.octaves) for one in mine if one.arm == best.arm}
        x, grid = place_of(best.x, self.octaves), self.rates(best.arm)
        for step in (one for one in STEPS if one >= self.octaves):
            for sign in (1, -1) if self.up_first else (-1, 1):
                near = min((abs(other - x) for other in tried if (other - x) * sign > EPS), default=99.0)
                there = x + sign * step
                if near > step + EPS and grid[0] - EPS <= there <= grid[-1] + EPS:
                    why = f"{step:g} octaves {'above' if sign > 0 else 'below'} the best"
                    return self.asked([(best.arm, there, self.seeds[0], self._first(mine))], runs, why)
        return None
