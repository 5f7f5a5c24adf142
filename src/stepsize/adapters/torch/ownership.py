"""Who else writes what a scheduler writes: values that are not as it left them, and bases from before a change."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from torch import Tensor
from torch.optim import Optimizer

from ...course.course import Course
from ...course.rows import Row
from ...schedules.rate import rate
from .knobs import Groups
from .updates import Follower

if TYPE_CHECKING:
    from .scheduler import Scheduler


class Found(NamedTuple):
    """A value that a group holds and the one that was written there."""

    row: Row
    held: float
    written: float

    @property
    def told(self) -> str:
        """What a warning says of it."""
        return (
            f"{self.row.field} of group {self.row.group} is {self.held:g} where the schedule had written "
            f"{self.written:g}, and it will be written over: put a value set by hand into the expression, "
            f'"{self.held:g} * …", or leave the other schedule out'
        )


class Others:
    """What one scheduler tells of others who write its numbers: each word once; they are written over in any case."""

    def __init__(self) -> None:
        self.stale: str | None = None  # what is to be said of the bases when the first update is made with them
        self.seen = False  # before the update: a value that the scheduler has not written
        self._told = False

    def before_update(self, scheduler: Scheduler) -> bool:
        """Tell of an old base; whether a value is there that the scheduler has not written."""
        if self.stale is not None and scheduler.last_epoch == 0:
            warnings.warn(f"Scheduler: {self.stale}", stacklevel=5)
        self.stale = None
        self.seen = not self._told and _written_by_others(scheduler) is not None
        return self.seen

    def tell(self, scheduler: Scheduler) -> None:
        """Tell of a value that the scheduler has not written."""
        found, self.seen = None if self._told else _written_by_others(scheduler), False
        if found is not None:
            self._told = True
            warnings.warn(f"{scheduler._host.name}: {found.told}", stacklevel=4)


def _written_by_others(scheduler: Scheduler) -> Found | None:
    """Where a group does not hold what was written into it last, nor what was before somebody moved the counter."""
    live, course = scheduler.optimizer.param_groups, scheduler._course
    if live is not scheduler._bound or len(live) != scheduler._count or scheduler._in_sequence:
        return None
    found = differing(live, scheduler._rows, course.values(scheduler.last_epoch))
    if found is None or course.done == scheduler.last_epoch or course.done < 0:
        return found
    return found if differing(live, scheduler._rows, course.values(course.done)) else None


def differing(groups: Sequence[dict[str, Any]], rows: Sequence[Row], values: Sequence[float]) -> Found | None:
    """The first plain number that is not what was written; tensors are not read back.

    Rates of 0 are no sign: torch.distributed.checkpoint sets them for a step that only lays out the state.
    """
    for row in rows:
        name, _, place = row.field.partition(".")
        held = groups[row.group].get(name)
        if place and isinstance(held, (tuple, list)):
            held = held[int(place)]
        if isinstance(held, (float, int)):
            written = row.base * values[row.part]
            if held != written and held != 0 and not math.isclose(held, written, rel_tol=1e-6):
                return Found(row, held, written)
    return None


def foreign(optimizer: Optimizer, followers: Iterable[Follower | None]) -> dict[tuple[int, str], tuple[float, float]]:
    """The values that differ from the initial ones beside them, and that no schedule is known to have written.

    A torch scheduler on this optimizer may have, and so may one of ours that is gone.
    """
    known = list(followers)
    if hasattr(optimizer.step, "_wrapped_by_lr_sched") or None in known:
        return {}
    knobs, found = Groups(optimizer), dict[tuple[int, str], tuple[float, float]]()
    for group in range(knobs.count()):
        own = optimizer.param_groups[group]
        for field in knobs.fields(group):
            if f"initial_{field}" in own and not isinstance(own.get(field), Tensor):
                held, initial = knobs.get(group, field), knobs.initial(group, field)
                if held != initial and not any(_wrote(one, group, field, held) for one in known):
                    found[group, field] = held, initial
    return found


def stale(held: dict[tuple[int, str], tuple[float, float]], rows: Sequence[Row], course: Course) -> str | None:
    """What is said where a schedule begins and multiplies an initial value that is not the present one."""
    for row in rows if course.done == 0 else ():
        now, initial = held.get((row.group, row.field), (0.0, 0.0))
        if now != initial and not isinstance(course.parts[row.part].target.value, rate):
            return (
                f"{row.field} of group {row.group} was {now:g}, but the schedule multiplies {initial:g}, the initial "
                f'value of an earlier schedule: write "{now:g} * …" for the one or "{initial:g} * …" for the other, or '
                f'delete "initial_{row.field}" from the group before Scheduler(…); after a resume load the state'
            )
    return None


def _wrote(one: Any, group: int, field: str, held: float) -> bool:
    """Whether a schedule that is there has written this value last."""
    values = one._course.values(one.last_epoch)
    return any((row.group, row.field) == (group, field) and row.base * values[row.part] == held for row in one._rows)
