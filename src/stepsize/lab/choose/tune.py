"""The policy that `tune` uses: the race, with what makes the climb robust."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from ..._language import Note
from ...problems import Floats
from .answer import Asked
from .basin import FLOOR, early, made
from .opening import BELOW, FAR, LEAST, WALKS, Opening
from .policy import EPS
from .race import Key, Now, Race, Step
from .seen import Seen

DOUBT = 3.0  # how many times the noise of a comparison a difference may hide behind


@dataclass(frozen=True)
class Tune(Race):
    """The race, whose verdict rests on whole runs, and which never spends what the end of a run needs.

    Five rules differ from `Race`. One strategy with a budget below three runs begins with an `Opening`; below two runs
    its best is finished, above, the race goes on from there. A finished run is judged by its own loss alone, as in a
    climb. A candidate starts or goes on only where the budget could finish it, too, if it turns out to be the best.
    What a candidate may win over the leader is no more than their difference at the same update leaves open:
    E max(0, δ), δ normal around the difference with `DOUBT` times the noise there; so close rivals are not finished for
    the sake of being close. And where the leader is lost and nothing can be finished any more, what is left goes to the
    safest rate, which is then the verdict. Use it at any budget; beyond `SEEDS_FROM` runs it adds seeds, so give it
    several.

    >>> from stepsize.lab.choose.tune import Tune
    >>> policy = Tune(("adam() | 1e-3 * cosine()",), "problem", steps=100, budget=4)
    >>> policy.ask([]).parts[0].trial.rate, policy.ask([]).parts[0].until
    (0.011, 10)
    """

    def next(self, now: Now) -> Asked | None:
        return self._open(now) or super().next(now) or self._last(now)

    @property
    def opens(self) -> bool:
        """Whether the budget is so small that it begins with an `Opening`: with one strategy alone."""
        return len(self.strategies) == 1 and LEAST - EPS <= self.budget < BELOW

    def _open(self, now: Now) -> Asked | None:
        """What the opening asks for, where there is one and nothing was finished."""
        if not self.opens or any(one.done for one in now.at.values()):
            return None
        steps = Opening(self, now).steps
        return now.ask(steps, Note("rates two octaves apart are compared")) if steps else None

    def explore(self, now: Now) -> Step | None:
        return None if self.opens and self.budget < WALKS else super().explore(now)

    def leader(self, now: Now) -> Key | None:
        done = [key for key, one in now.at.items() if one.done]
        if done:
            return min(done, key=lambda key: (now.at[key].levels[-1], key))
        found = self._ahead(now) if self.opens else None
        return now.safest() if found is None or not self._ends(now, found) else found

    def _ahead(self, now: Now) -> Key | None:
        """Who is ahead: the best of the opening, until another is as far with a lower loss at the same update."""
        opened = Opening(self, now)
        best = opened.lead
        if best is None or opened.steps:
            return best
        for key, one in sorted(now.at.items(), key=lambda row: (-row[1].share, row[0])):
            share = min(one.share, now.share(best))
            if not one.lost and share >= min(FAR, now.share(best)) - EPS and self._ends(now, key):
                best = key if one.level(share) < now.at[best].level(share) else best
        return best

    def _ends(self, now: Now, key: Key) -> bool:
        """Whether the budget can finish a candidate."""
        return 1 - now.share(key) <= now.left + EPS

    def gains(self, now: Now, lead: Key) -> list[Floats]:
        found = super().gains(now, lead)
        for key, one in now.at.items():
            if key != lead and lead in now.at and not one.lost:
                arm, i = key
                found[arm][i] = min(found[arm][i], open_still(one, now.at[lead]))
        return found

    def fits(self, now: Now, key: Key, to: float, lead: Key) -> bool:
        return super().fits(now, key, to, lead) and self._ends(now, key)

    def chosen(self, runs: Sequence[Seen]) -> Seen:
        alive = [one for one in runs if not one.lost and one.made]
        if any(one.done for one in runs) or not alive:
            return super().chosen(runs)
        now = Now(self, runs)
        found = now.safest_begun()
        return min(alive, key=lambda one: one.trial.rate) if found is None else now.at[found]

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
        why = Note("nothing can be finished any more: the safest rate goes on")
        return now.ask([(safest, min(ahead, paid))], why)


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
