"""Several trials at a time: what trains beside a step of the race, and what is left of a question that was begun."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from ...problems import Floats
from .answer import Asked
from .policy import EPS
from .policy import Key as Which
from .seen import Told, counts

if TYPE_CHECKING:
    from .race import Key, Now, Race, Step

ENOUGH = 1e-7  # expected gain


def beside(race: Race, now: Now, first: Step) -> Iterator[Step]:
    """What trains in step with the first: from the same share to the same pause, the most that is won by all of them.

    Formula: the next one has the largest E max(0, what it wins − the most that any of those before it wins), so that
    neighbours which would tell the same are not asked for twice. Each must be affordable as if those before it were
    paid for. The leader comes along where it is as far, for it would catch up next.
    """
    lead = race.leader(now)
    if lead is None:
        return
    most = min(race.together, room(race, now, now.share(first.key), first.to, lead))
    steps = [first]
    if most > 1 and lead in now.at and lead != first.key and _in_step(now, lead, first):
        steps.append(replace(first, key=lead))
        yield steps[-1]
    wins, caps = race.wins(now, lead), race.gains(now, lead)
    others = [key for key, _ in race.candidates(now) if key != lead and _in_step(now, key, first)]
    while len(steps) < most:
        taken, after = [one.key for one in steps], now.after([(one.key, one.to) for one in steps])
        found = [_more(now, wins, caps, arm, taken) for arm in range(len(now.basins))]
        fitting = [key for key in others if key not in taken and race.fits(after, key, first.to, lead)]
        best = max(fitting, key=lambda key: found[key[0]][key[1]], default=None)
        if best is None or found[best[0]][best[1]] < ENOUGH:
            return
        steps.append(replace(first, key=best))
        yield steps[-1]


def room(race: Race, now: Now, begun: float, to: float, lead: Key) -> int:
    """How many trials one question may hold: each pause that is still ahead gets an equal part of what may be spent.

    What may be spent is what the leader's end leaves. So a small budget asks for one trial at a time, and each next
    question can follow from the answers.
    """
    ahead = sum(begun + EPS < one <= race.farthest + EPS for one in race.pauses)
    free = now.left - (1 - now.share(lead))
    return max(1, int(free / max(ahead, 1) / (to - begun) + EPS))


def _more(now: Now, wins: list[Floats], caps: list[Floats], arm: int, taken: list[Key]) -> Floats:
    """What each rate of a strategy may be expected to win beyond those that are taken."""
    mine = wins[arm][:, [i for other, i in taken if other == arm]].max(axis=1, initial=0.0)
    found: Floats = now.basins[arm].weights @ np.maximum(0, wins[arm] - mine[:, None])
    return np.minimum(found, caps[arm])


def _in_step(now: Now, key: Key, first: Step) -> bool:
    """Whether a candidate's next pause is that of the first, from where that begins."""
    return abs(now.share(key) - now.share(first.key)) <= EPS and not now.lost(key)


def unfinished(race: Race, told: dict[Which, Told]) -> Asked | None:
    """What is missing of a question that was begun, found by going through all of them from the first.

    None where nothing is missing, and where trials are there that no question asked for: a smaller budget or another
    width has asked for them, and what they say counts.
    """
    known: dict[Which, Told] = {}
    while asked := _asked_after(race, frozenset(known.values())):
        ends = {(race.arm(part.trial), part.trial.rate, part.trial.seed): part.until for part in asked.parts}
        known |= {key: told[key].at(end) for key, end in ends.items() if key in told}
        missing = [key for key, end in ends.items() if key not in told or not told[key].reached(end)]
        if missing:
            foreign = any(_further(race, one, known.get(key)) for key, one in told.items())
            parts = tuple(part for part, key in zip(asked.parts, ends, strict=True) if key in missing)
            return None if foreign else Asked(parts, asked.why)
    return None


@lru_cache(maxsize=256)
def _asked_after(race: Race, known: frozenset[Told]) -> Asked | None:
    """What a race asks after what is known; remembered, for every question goes through those before it."""
    return race.decide(race.look(known))


def _further(race: Race, one: Told, known: Told | None) -> bool:
    """Whether a trial is at a later pause than the questions so far asked for."""
    return counts(one, race.pauses_at) > (0 if known is None else known.made)
