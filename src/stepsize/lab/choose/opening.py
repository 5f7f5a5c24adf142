"""The opening of a small budget: rates two octaves apart, compared early, and a walk to the side that is ahead."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .policy import EPS
from .wide import room

if TYPE_CHECKING:
    from .race import Key, Now, Race

LEAST, WALKS, BELOW = 1.1, 2.0, 3.0  # runs: from the first to the last it opens so, up to the second it does no more
MIDDLE = 0.6  # of the belief lies below the first rate: a rate that is too high is seen early, one too low is not
APART = 2.0  # octaves
FAR = 0.3  # of the run: farther on, a comparison costs more than it tells


class Opening:
    """What a walk over rates that are `APART` octaves from one another asks for next, and who is ahead.

    Formula: the first rate, with `MIDDLE` of the belief below it, and the one above it run to the first pause. Early on
    high rates look better than they are, so if the upper one is behind there, it is too high: the walk goes down from
    the first rate, else up. Each next rate is compared with the best so far at the same update, at the farthest pause
    up to `FAR` that leaves the end of either paid for. The walk ends where the next rate is behind, or cannot be paid
    for. Use it for one strategy, where a belief about the basin would rest on too little. When not: at larger budgets,
    where the belief knows more than the walk.

    `lead` is the strategy and rate that is ahead, None where all is lost; `steps` are those that train next and the
    share that they train to, empty at the end. Source: measured on 48 cells of small tasks.
    """

    def __init__(self, race: Race, now: Now) -> None:
        self.race, self.now = race, now
        grid = race.rates(0)
        belief = np.exp(race.priors[0].log_density(grid))
        middle = np.interp(MIDDLE, (np.cumsum(belief) - belief / 2) / belief.sum(), grid)
        self.first = float(grid[np.abs(grid - middle).argmin()])
        self.last = len(grid)
        best, self.steps = self._walked()
        self.lead = None if now.lost(best) else best

    def _walked(self) -> tuple[Key, list[tuple[Key, float]]]:
        """The best so far, and what is missing for the next comparison."""
        best, above, start = self._rate(0), self._rate(1), self.race.pauses[0]
        up = self.race.budget >= 1 + 2 * start - EPS and self.now.open(best)  # else only one comparison is paid for
        if up and (steps := self._missing(best, above, start)):
            return best, steps
        up = up and not self.now.lost(best) and self._wins(above, best, start)
        for i in range(1, self.last):
            other = self._rate(i if up else -i)
            share = self._share(best, other)
            if other == best or share is None:
                break
            if steps := self._missing(best, other, share):
                return best, steps
            if not self._wins(other, best, share):
                break
            best = other
        return best, []

    def _rate(self, i: int) -> Key:
        """The rate so many places above the first one, or the last of the grid on its way."""
        return 0, int(np.abs(self.now.basins[0].grid - self.first - i * APART).argmin())

    def _missing(self, best: Key, other: Key, share: float) -> list[tuple[Key, float]]:
        """The next pause of those that are not there yet, the least far first."""
        now = self.now
        behind = [key for key in (best, other) if not now.lost(key) and now.share(key) < share - EPS and now.open(key)]
        least = min((now.share(key) for key in behind), default=share)
        to = self.race.following(least, share) if behind else None
        if to is None:
            return []
        most = min(self.race.together, room(self.race, now, least, to, best))
        return [(key, to) for key in behind if now.share(key) <= least + EPS][:most]

    def _share(self, best: Key, other: Key) -> float | None:
        """The farthest pause at which two can be compared so that the end of either is paid for."""
        now, pauses = self.now, self.race.pauses
        if not now.open(other):
            return None
        if now.lost(best):  # the other one need only show that it is alive
            return pauses[0] if 1 - now.share(other) <= now.left + EPS else None
        if now.lost(other):
            return pauses[0]
        paid = (one for one in pauses if one <= FAR + EPS and self._needs(best, other, one) <= now.left + EPS)
        return max(paid, default=None)

    def _needs(self, best: Key, other: Key, share: float) -> float:
        """What it costs to bring both to a share, and the one that is less far to its end."""
        there = [self.now.share(key) for key in (best, other)]
        return sum(max(0.0, share - one) for one in there) + 1 - min(max(share, one) for one in there)

    def _wins(self, other: Key, best: Key, share: float) -> bool:
        """Whether a rate is ahead of the best so far, at the same share of the run."""
        at, lost = self.now.at, self.now.lost
        if lost(other) or other not in at:
            return False
        return lost(best) or at[other].level(share) < at[best].level(share)
