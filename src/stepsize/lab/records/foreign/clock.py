"""Which update each row belongs to: steps as they are, counted on where they begin again, or rows counted."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ....problems import Floats
from .cells import Column

NONE = -(2**62)  # the update of a row that belongs to none
LONGEST_RUN = 2**53  # updates; what counts more is no count
UNORDERED = 0.1  # with more falls for each row than that, and more than a few, steps are in no order
FEW = 3
WINDOW = 5  # rows that say where the loss stood


class Clock(NamedTuple):
    """The update of each row, the indices of rows where steps begin again, and of which the first rows are left out."""

    updates: NDArray[np.int64]
    again: tuple[int, ...] = ()
    anew: int = 0  # rows before this one are of an earlier run


def counted(has_loss: NDArray[np.bool_]) -> Clock:
    """Every row with a loss is an update; another one is a look after the updates so far."""
    updates: NDArray[np.int64] = np.cumsum(has_loss) - has_loss
    return Clock(updates)


def clock(
    step: Column, epoch: Column | None, batches: Column | None, loss: Column, has_loss: NDArray[np.bool_]
) -> Clock:
    """The update of each row by its step.

    Where the step falls, either the batches of the next epoch are counted (the epoch rises, or the step falls to where
    it began), and updates go on from the last; or the run was resumed from an earlier update, and what was logged from
    there on is left out. One row that is out of place costs no other. Steps in no order are taken as they are. A loss
    that is back at its start with the step is that of another run: the last one counts.
    """
    found = _clock(step, epoch, batches, loss, has_loss)
    known = found.updates != NONE
    before = np.maximum.accumulate(np.where(known | has_loss, np.arange(len(known)), -1))
    looks = ~known & ~has_loss & ~step.there & (before >= 0)  # a look that says no update is after the last one
    updates = np.where(looks, found.updates[np.maximum(before, 0)], found.updates)
    return found._replace(updates=updates)


def _clock(
    step: Column, epoch: Column | None, batches: Column | None, loss: Column, has_loss: NDArray[np.bool_]
) -> Clock:
    usable = step.there & step.finite & (np.abs(step.values) <= LONGEST_RUN)
    at = np.flatnonzero(usable & has_loss)
    if not len(at):
        return Clock(np.full(len(step.values), NONE))
    values = step.values[at]
    if (values % 1 != 0).any():
        return counted(has_loss)
    updates = np.where(usable, step.values, 0).astype(np.int64)
    updates[~usable] = NONE
    falls = at[1:][(np.diff(values) < 0) & ~_out_of_place(values)[1:]]
    if not len(falls):
        return Clock(updates)
    rises = _rises(epoch, at, falls)
    if len(falls) > FEW and len(falls) > UNORDERED * len(at) and not rises and not _to_start(step, at, falls).all():
        return Clock(updates)
    return _by_blocks(updates, usable, at, falls, epoch if rises else None, batches, step, loss)


def _out_of_place(values: Floats) -> NDArray[np.bool_]:
    """Which rows are alone between two that rise, and no step of the rows behind: a damaged number, not a resume."""
    found = np.zeros(len(values), dtype=bool)
    if len(values) > 3:
        back, here, on, after = values[:-3], values[1:-2], values[2:-1], values[3:]
        found[1:-2] = (here < back) & (on > back) & (on - here > 1.5 * (after - on))
    return found


def _to_start(step: Column, at: NDArray[np.intp], falls: NDArray[np.intp]) -> NDArray[np.bool_]:
    """Whether each fall leads to where the steps began, or before it."""
    values = step.values[at]
    gaps = np.diff(values)
    gap = float(np.median(gaps[gaps > 0])) if (gaps > 0).any() else 1.0
    return np.asarray(step.values[falls] < values[0] + gap)


def _rises(epoch: Column | None, at: NDArray[np.intp], falls: NDArray[np.intp]) -> bool:
    """Whether a column of whole epochs rises at most falls of the step."""
    if epoch is None:
        return False
    values = epoch.values[at]
    if not np.isfinite(values).all() or (values % 1 != 0).any():
        return False
    before = at[np.searchsorted(at, falls) - 1]
    return bool((epoch.values[falls] > epoch.values[before]).mean() >= 0.5)


def _by_blocks(
    updates: NDArray[np.int64],
    usable: NDArray[np.bool_],
    at: NDArray[np.intp],
    falls: NDArray[np.intp],
    epoch: Column | None,
    batches: Column | None,
    step: Column,
    loss: Column,
) -> Clock:
    """Updates where each block of rows between falls goes on from the last one, or from an earlier update."""
    values = step.values[at]
    gaps = np.diff(values)
    gap = int(np.median(gaps[gaps > 0])) if (gaps > 0).any() else 1
    to_start = dict(zip(falls.tolist(), _to_start(step, at, falls).tolist(), strict=True))
    begun: dict[float, int] = {} if epoch is None else {float(epoch.values[at[0]]): 0}
    offset, again, anew = 0, [], 0
    ends = [*falls.tolist()[1:], len(updates)]
    last = int(values[np.searchsorted(at, falls[0]) - 1])
    for start, end in zip(falls.tolist(), ends, strict=True):
        first = int(step.values[start])
        known = epoch is not None and float(epoch.values[start]) in begun
        if known:
            assert epoch is not None
            offset = begun[float(epoch.values[start])]
            anew = start if offset == 0 and to_start[start] else anew
        elif epoch is not None or to_start[start]:
            if epoch is None and len(falls) <= FEW and _is_anew(loss, at, anew, start):
                anew, offset = start, 0
            else:
                whole = _whole(batches, start)
                offset += whole if whole > last - first else last + gap - first
            if epoch is None:
                again.append(start)
        block = slice(start, end)
        mine = usable[block]
        updates[block][mine] += offset
        if known or (epoch is None and not to_start[start]):
            earlier = updates[:start]
            earlier[earlier >= offset + first] = NONE
        if epoch is not None:
            begun.setdefault(float(epoch.values[start]), offset)
        last = int(step.values[at[np.searchsorted(at, end) - 1]])
    updates[:anew] = NONE
    return Clock(updates, tuple(again), anew)


def _whole(batches: Column | None, row: int) -> int:
    """The batches of an epoch, where the row says them; 0 where it does not."""
    told = batches.values[row] if batches is not None else np.nan
    return int(told) if np.isfinite(told) and 0 < told < LONGEST_RUN else 0


def _is_anew(loss: Column, at: NDArray[np.intp], begun: int, start: int) -> bool:
    """Whether the loss is back where it began, as in a run that was started again."""
    own = at[(at >= begun) & (at < start)]
    after = at[at >= start]
    if len(own) < 2 * WINDOW or len(after) < WINDOW:
        return False
    first, end, now = (float(np.median(loss.values[one])) for one in (own[:WINDOW], own[-WINDOW:], after[:WINDOW]))
    return bool(end < first and now > end + 0.8 * (first - end))
