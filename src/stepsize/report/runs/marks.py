"""What happened in a run, as marks on its charts: decisions with their reasons, and losses that are no numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..._language import Note, heard, say
from ...course.log import finite_only
from ...lab.records.record import Decision, Record
from .reasons import said_again

NEAR = 0.01  # of the run: decisions of one kind that are nearer than this are one mark
MOST = 60  # marks of a kind in a group
NOT_FINITE = Decision(0, Note("not finite"), Note("the loss of this batch is NaN or infinite"))
SKIPPED = Decision(0, "skip", Note("the update was left out"))

# the updates of one kind of thing, and what happened at each of them
_Kind: TypeAlias = tuple[NDArray[np.int_], Callable[[int], Decision]]


@dataclass(frozen=True)
class Mark:
    """Something that happened at update `step`, or `count` times up to update `last`."""

    step: int
    last: int
    count: int
    kind: str
    why: str
    group: str = ""
    factor: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON, which has no word for a factor that is not finite."""
        fields = {name: getattr(self, name) for name in self.__dataclass_fields__}
        found: dict[str, Any] = finite_only(fields | {"why": self.reason})
        return found

    @property
    def where(self) -> str:
        """When it happened, in words."""
        if self.count == 1:
            return f"{self.step:,}"
        return say("{first:,} to {last:,}, {count:,} times", first=self.step, last=self.last, count=self.count)

    @property
    def what(self) -> str:
        """What happened, in the language that is spoken; most of it is a word of an expression."""
        told: str = heard(self.kind)
        return told

    @property
    def reason(self) -> str:
        """Why, in the language that is spoken."""
        return said_again(self.why)


def marks_of(record: Record) -> list[Mark]:
    """The marks of a record, by their first update; those of one kind and group that lie close together are one."""
    if not len(record):
        return []
    room = NEAR * max(1, int(record.steps[-1]) - int(record.steps[0]))
    marks = [mark for steps, told in _kinds(record) for mark in _merged(steps, told, room)]
    return sorted(marks, key=lambda mark: (mark.step, mark.kind))


def _kinds(record: Record) -> Iterator[_Kind]:
    """The updates of each kind of thing that happened."""
    decided: dict[tuple[str, str], list[Decision]] = {}
    for one in record.decisions or _reasons(record):
        decided.setdefault((one.kind, one.group), []).append(one)
    for every in decided.values():
        every.sort(key=lambda one: one.step)
        yield np.array([one.step for one in every]), every.__getitem__
    yield record.steps[~np.isfinite(record.losses)], lambda _: NOT_FINITE
    if record.skipped is not None and not any(kind == SKIPPED.kind for kind, _ in decided):
        yield record.steps[record.skipped == 1], lambda _: SKIPPED


def _reasons(record: Record) -> list[Decision]:
    """The decisions that a column of reasons tells."""
    if record.why is None:
        return []
    pairs = zip(record.steps.tolist(), record.why, strict=True)
    return [Decision(step, why.partition(":")[0], why) for step, why in pairs if why]


def _merged(steps: NDArray[np.int_], told: Callable[[int], Decision], room: float) -> list[Mark]:
    """Marks of one kind and group; more than a chart can hold are laid together until they fit."""
    if not len(steps):
        return []
    ends = np.flatnonzero(np.diff(steps) > room)
    while len(ends) >= MOST:
        room *= 2
        ends = np.flatnonzero(np.diff(steps) > room)
    firsts, lasts = [0, *(ends + 1).tolist()], [*ends.tolist(), len(steps) - 1]
    return [_mark(steps, told(first), first, last) for first, last in zip(firsts, lasts, strict=True)]


def _mark(steps: NDArray[np.int_], one: Decision, first: int, last: int) -> Mark:
    factor = one.factor if first == last else None
    count = last - first + 1
    return Mark(int(steps[first]), int(steps[last]), count, one.kind, one.why, one.group, factor)
