"""Successive halving: many rates begin the real schedule, the better ones go on."""

from __future__ import annotations

from dataclasses import dataclass

from .answer import Asked
from .policy import Policy, rate_of
from .seen import Seen


@dataclass(frozen=True)
class Halving(Policy):
    """Many rates run to the share `first`; the best third goes on to three times that, and so on to the end.

    Formula: of n runs at share r the n/eta with the lowest loss there go on to eta·r, until one is at 1. Use it where
    many runs train side by side at little more than the price of one. Under a schedule that decays late it favours
    rates that are too low, for the high ones still pay for their noise in the middle of the run. n is the largest
    number that the budget pays for; rates are `apart` octaves from one another around the centre of the prior. Source:
    Jamieson and Talwalkar 2016.
    """

    first: float = 0.1
    eta: float = 3.0
    apart: float = 1.0

    def shares(self) -> list[float]:
        """The shares of a run at which runs are compared."""
        found, share = [], self.first
        while share < 1:
            found.append(self.until(share) / self.steps)
            share *= self.eta
        return [*found, 1.0]

    @property
    def pauses(self) -> tuple[float, ...]:
        return tuple(self.shares())

    def sizes(self) -> list[int]:
        """How many runs go to each share."""
        shares, best = self.shares(), [1] * len(self.shares())
        for count in range(1, 1000):
            sizes = [max(1, int(count / self.eta**i)) for i in range(len(shares))]
            steps = [share - before for share, before in zip(shares, [0.0, *shares], strict=False)]
            if sum(size * step for size, step in zip(sizes, steps, strict=True)) > self.budget + 1e-9:
                return best
            best = sizes
        return best

    def decide(self, runs: list[Seen]) -> Asked | None:
        seed = self.seeds[0]
        field = self.in_turn(self.apart)
        mine = {(one.arm, one.trial.rate): one for one in runs if one.trial.seed == seed}
        for share, size in zip(self.shares(), self.sizes(), strict=True):
            field = field[:size]
            asked = self.asked([(arm, x, seed, share) for arm, x in field], runs, f"{len(field)} rates to {share:.0%}")
            if asked:
                return asked
            there = [(mine[key].level(share), *row) for row in field if (key := (row[0], rate_of(row[1]))) in mine]
            field = [(arm, x) for _, arm, x in sorted(there)]
        return None
