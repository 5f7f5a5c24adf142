"""The policy that `tune` uses: the race, with what makes the climb robust."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ...problems import Floats
from .answer import Asked
from .basin import FLOOR, early, made
from .policy import EPS
from .race import Key, Now, Race
from .seen import Seen

DOUBT = 3.0  # how many times the noise of a comparison a difference may hide behind


@dataclass(frozen=True)
class Tune(Race):
    """The race, whose verdict rests on whole runs, and which never spends what the end of a run needs.

    Four rules differ from `Race`. A finished run is judged by its own loss alone, as in a climb. A candidate starts or
    goes on only where the budget could finish it, too, if it turns out to be the best. What a candidate may win over
    the leader is no more than their difference at the same update leaves open: E max(0, δ), δ normal around the
    difference with `DOUBT` times the noise there; so close rivals are not finished for the sake of being close. And
    where the leader is lost and nothing can be finished any more, what is left goes to the safest rate, which is then
    the verdict. Use it at any budget; beyond `SEEDS_FROM` runs it adds seeds, so give it several.

    >>> from stepsize.lab.choose.tune import Tune
    >>> policy = Tune(("adam() | 1e-3 * cosine()",), "problem", steps=100, budget=4)
    >>> policy.ask([]).parts[0].trial.rate, policy.ask([]).parts[0].until
    (0.011, 10)
    """

    def decide(self, runs: list[Seen]) -> Asked | None:
        return super().decide(runs) or self._last(Now(self, runs))

    def leader(self, now: Now) -> Key | None:
        done = [key for key, one in now.at.items() if one.done]
        if done:
            return min(done, key=lambda key: (now.at[key].levels[-1], key))
        return now.safest()

    def gains(self, now: Now, lead: Key) -> list[Floats]:
        found = super().gains(now, lead)
        for key, one in now.at.items():
            if key != lead and lead in now.at and not one.lost:
                arm, i = key
                found[arm][i] = min(found[arm][i], open_still(one, now.at[lead]))
        return found

    def fits(self, now: Now, key: Key, to: float, lead: Key) -> bool:
        return super().fits(now, key, to, lead) and 1 - now.share(key) <= now.left + EPS

    def chosen(self, runs: Sequence[Seen]) -> Seen:
        alive = [one for one in runs if not one.lost and one.made]
        if any(one.done for one in runs) or not alive:
            return super().chosen(runs)
        now = Now(self, runs)
        risks = {id(one): float(now.basins[arm].risk[i]) for (arm, i), one in now.at.items()}
        return min(alive, key=lambda one: (risks.get(id(one), math.inf), one.trial.rate))

    def _last(self, now: Now) -> Asked | None:
        """Where nothing was finished and nothing can be: the safest rate goes on, to the last mark that is paid for."""
        if any(one.done for one in now.runs):
            return None
        safest = now.safest(whole=False)
        if safest is None:
            return None
        ahead = self.following(now.share(safest)) or 1.0
        share = now.share(safest)
        paid = max((one / self.steps for one in self.marks if one / self.steps <= share + now.left + EPS), default=0)
        return now.ask([(safest, min(ahead, paid))], "nothing can be finished any more: the safest rate goes on")


def open_still(one: Seen, lead: Seen) -> float:
    """What a run may still win over the leader, from where both have been."""
    share = min(one.share, lead.share)
    behind = one.level(share) - lead.level(share)
    descent = max(one.start - one.level(share), lead.start - lead.level(share), 0.05) / made(share)
    size = DOUBT * math.hypot(early(share) * descent, FLOOR * (1 - share))
    if size <= 0:
        return max(0.0, -behind)
    z = behind / size
    return size * (math.exp(-z * z / 2) / math.sqrt(2 * math.pi) - z * 0.5 * math.erfc(z / math.sqrt(2)))
