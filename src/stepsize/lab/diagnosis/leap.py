"""A loss that leaps and heals: no illness of the run, but worth a word."""

from __future__ import annotations

import numpy as np

from ..._language import Note
from ...problems import Floats
from ..records.record import Record
from .trend import noise, running_median
from .words import three_digits

BEFORE = 15  # rows that say how high the loss stood
STAYS = 3  # rows in a row: a single batch may be a hard one
MOST = 0.3  # ours: of all that the run ever gained, which it must have fallen before
CLEAR = 8.0  # ours: standard deviations of the noise


def remark(record: Record) -> str | None:
    """The remark on the largest leap by more than the whole fall so far that healed; None where there is none."""
    found = _largest(record.losses)
    if found is None:
        return None
    begin, end, low, high = found
    return Note(
        "Update {step}: the loss leaps from {low} to {high}, which is more "
        "than it had fallen until then, and is back at update {back}: as after a resume without the "
        "optimizer's state, or after a bad batch.",
        step=int(record.steps[begin]),
        low=three_digits(low),
        high=three_digits(high),
        back=int(record.steps[end]),
    )


def _largest(losses: Floats) -> tuple[int, int, float, float] | None:
    """Where the loss leaps and where it is back, how high it stood and how high it came."""
    if len(losses) < 2 * BEFORE + STAYS or not np.isfinite(losses).all():
        return None
    usual, start = running_median(losses, STAYS), float(np.median(losses[:3]))
    around = CLEAR * max(noise(losses), noise(losses[: max(len(losses) // 4, BEFORE)]))
    fallen = max(around, MOST * (start - float(usual.min())))
    found = []
    for row in np.flatnonzero(_up(losses)).tolist():
        low, ahead = float(np.median(losses[row - BEFORE : row])), usual[row : row + BEFORE]
        high = float(ahead.max())
        if start - low <= fallen or high - low <= start - low + around:
            continue
        top = row + int(np.argmax(ahead))
        back = np.flatnonzero(usual[top:] <= low + around / 2)
        begin = row + int(np.argmax(losses[row : top + 1] > (low + high) / 2))
        if len(back):
            found.append((begin, top + int(back[0]), low, high))
    return max(found, key=lambda one: one[3] - one[2], default=None)


def _up(losses: Floats) -> np.ndarray:
    """The rows that begin a leap: they and the next ones stand above all of the rows before, as far as those count."""
    windows = np.lib.stride_tricks.sliding_window_view(losses, BEFORE).max(1)
    found = np.zeros(len(losses), dtype=bool)
    ahead = np.lib.stride_tricks.sliding_window_view(losses, STAYS).min(1)
    rows = np.arange(BEFORE, len(losses) - STAYS + 1)
    found[rows] = ahead[rows] > windows[rows - BEFORE]
    return found
