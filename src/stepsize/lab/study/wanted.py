"""What a call of `Study.train` is after: its trials, which of them are missing, and in which lots they train."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..trials.outcome import Outcome
from ..trials.trial import Trial
from .journal import Journal


class Wanted:
    """Trials that are to be trained with these versions, each to its end or until so many updates (`ends`).

    `missing` are the keys of those that are not there yet, in the order in which they are wanted, and `best` is the
    finished one with the lowest loss on the part that chooses. `follow` takes in what the journal has heard since; it
    costs what is new, not the number of trials.
    """

    def __init__(
        self, trials: Iterable[Trial], until: int | Sequence[int] | None, journal: Journal, environment: str
    ) -> None:
        given = list(trials)
        each = [until] * len(given) if until is None or isinstance(until, int) else until
        self.trials = {one.key: one for one in given}
        self.ends = {one.key: one.steps if end is None else end for one, end in zip(given, each, strict=True)}
        self.journal, self.environment = journal, environment
        self.missing: dict[str, None] = dict.fromkeys(self.trials)
        self.best: Outcome | None = None
        self._lots: deque[list[str]] = deque()
        self._heard = len(journal.heard)
        for key in self.trials:
            self._look(key)

    def follow(self) -> None:
        """Take in what the journal has heard of these trials."""
        new, self._heard = self.journal.heard[self._heard :], len(self.journal.heard)
        for key, environment in new:
            if environment == self.environment and key in self.trials:
                self._look(key)

    def reached(self, key: str) -> bool:
        """Whether a trial is where it is wanted."""
        there = self._there(key)
        return there is not None and (there.over or there.made >= self.ends[key])

    def line_up(self, most: int) -> None:
        """Put what is missing into lots of at most so many, those that were begun first."""
        self._lots = deque(self._packed(most))

    def again(self, keys: Sequence[str]) -> None:
        """These came back before they were where they are wanted: they are next."""
        if left := [key for key in keys if key in self.missing]:
            self._lots.appendleft(left)

    def next_lot(self) -> list[str] | None:
        """Those of the next lot that are missing still; None where no lot is left."""
        while self._lots:
            if lot := [key for key in self._lots.popleft() if key in self.missing]:
                return lot
        return None

    def _there(self, key: str) -> Outcome | None:
        return self.journal.outcomes.get((key, self.environment))

    def _look(self, key: str) -> None:
        """What is known of one trial now."""
        if self.reached(key):
            self.missing.pop(key, None)
        there = self._there(key)
        if there is not None and there.over and not there.diverged:
            self.best = there if self.best is None else min(self.best, there, key=chosen_loss)

    def _packed(self, most: int) -> Iterator[list[str]]:
        """Trials that can train together: of one text and as far as one another, whole seeds where they fit."""
        kept = self.journal.kept_steps(self.environment)
        groups: dict[Any, dict[int, list[str]]] = {}
        for key in self.missing:
            one = self.trials[key]
            place = (-kept.get(key, 0), self.ends[key], one.text, one.steps, one.batch_size or 0, one.measure_every)
            groups.setdefault(place, {}).setdefault(one.seed, []).append(key)
        for place in sorted(groups, key=lambda place: place[0] == 0):  # sorting keeps the order of what is equal
            yield from packed(list(groups[place].values()), most)


def chosen_loss(one: Outcome) -> float:
    """The last loss on the part that chooses, infinite where there is none."""
    column = one.validation if one.record.validated is not None else one.train
    last = column[-1] if column else None
    return float("inf") if last is None else last


def packed(seeds: Sequence[list[str]], most: int) -> Iterator[list[str]]:
    """Lots of at most so many trials: whole seeds together where they fit, one cut up where it does not.

    >>> list(packed([["a", "b"], ["c", "d"], ["e", "f"]], 5)), list(packed([["a", "b", "c"]], 2))
    ([['a', 'b', 'c', 'd'], ['e', 'f']], [['a', 'b'], ['c']])
    """
    lot: list[str] = []
    for own in seeds:
        if lot and len(lot) + len(own) > most:
            yield lot
            lot = []
        lot = lot + own
        while len(lot) > most:
            yield lot[:most]
            lot = lot[most:]
    if lot:
        yield lot
