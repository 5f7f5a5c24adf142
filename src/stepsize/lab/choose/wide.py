"""Several trials at a time: what trains beside a step of the race, and what is left of a question that was begun."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from .answer import Asked
from .policy import EPS
from .policy import Key as Which
from .seen import Told, counts

if TYPE_CHECKING:
    from .race import Key, Now, Race, Step


def beside(race: Race, now: Now, first: Step) -> Iterator[Step]:
    """What trains in step with the first: from the same share to the same pause, the most that is won by all of them.

    Formula: the next one has the largest E max(0, what it wins − the most that any of those before it wins), so that
    neighbours which would tell the same are not asked for twice. Each must be affordable as if those before it were
    paid for, so a small budget asks for few. The leader comes along where it is as far, for it would catch up next.
    """
    lead = race.leader(now)
    if lead is None:
        return
    steps = [first]
    if lead in now.at and lead != first.key and _in_step(race, now, lead, first):
        steps.append(replace(first, key=lead))
        yield steps[-1]
    wins, caps = race.wins(now, lead), race.gains(now, lead)
    others = [key for key, _ in race.candidates(now) if key != lead and _in_step(race, now, key, first)]
    while len(steps) < race.together:
        after = now.after([(one.key, one.to) for one in steps])
        taken = {one.key for one in steps}
        best, most = None, 1e-7
        for arm, basin in enumerate(now.basins):
            mine = [i for a, i in taken if a == arm]
            over = np.maximum(wins[arm] - wins[arm][:, mine].max(axis=1, initial=0.0)[:, None], 0)
            found = np.minimum(basin.weights @ over, caps[arm])
            for key in others:
                if key[0] == arm and key not in taken and found[key[1]] > most and race.fits(after, key, first.to, lead):
                    best, most = key, found[key[1]]
        if best is None:
            return
        steps.append(replace(first, key=best))
        yield steps[-1]


def _in_step(race: Race, now: Now, key: Key, first: Step) -> bool:
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
