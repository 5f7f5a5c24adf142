"""Parts of a record that several rules look at: its losses in one scale, its rates, the rows at high rates."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...problems import Floats
from ..records.record import Record
from .trend import blocks, noise, running_median, scaled

EASY = 6.0  # standard deviations of the noise that a first batch may be easier than the others
SURE = -3.0  # ours: a fall this sure, in standard deviations of the Mann–Kendall test
SLIGHT = 0.3  # ours, a share of the loss: a run of a good rate took away at least 0.55 of its loss
HOT = 0.5  # a rate of at least half the highest is high


def hot(record: Record) -> NDArray[np.bool_]:
    """The rows at which the rate is high; all rows where rates are not known."""
    rates = record.rates
    if rates is None or not np.isfinite(rates).any() or np.nanmax(rates) <= 0:
        return np.ones(len(record), dtype=bool)
    return np.asarray(rates >= HOT * np.nanmax(rates))


def alphas(record: Record) -> Floats | None:
    """The positions on the parabola of updates at high rates; None where too few are known."""
    found = record.alphas
    if found is None:
        return None
    found = found[hot(record)]
    found = found[np.isfinite(found)]
    return found if len(found) >= 10 else None


def progress(record: Record) -> Floats:
    """The sum of the rates up to each row, from 0 to 1: time as gradient descent counts it; steps without rates."""
    ahead = np.maximum(np.diff(record.steps, prepend=record.steps[0]), 0).astype(float)
    rates = record.rates
    if rates is not None:
        known = np.where(np.isfinite(rates) & (rates > 0), scaled(np.nan_to_num(rates, posinf=0.0, neginf=0.0)), 0.0)
        if known.sum() > 0:
            ahead = ahead * np.append(known[:1], known[:-1])
    total = np.cumsum(ahead)
    return total / total[-1] if len(total) and total[-1] > 0 else np.linspace(0.0, 1.0, len(record))


def level(record: Record) -> tuple[Floats, float, float]:
    """Losses over the largest of them; the level they begin at; how far they ever came below it.

    The level at the start is that on all data where it was measured, for a first batch may be an easy one; else that
    of the first three batches, of which the second and third are not trusted further than the noise goes: after a first
    step that was much too long they are no start any more.
    """
    losses = scaled(record.losses)
    first = float(max(losses[0], min(np.median(losses[:3]), losses[0] + EASY * _noise_at(losses))))
    measured, largest = record.measured, size(record)
    if measured is not None and record.measured_at is not None and record.measured_at[:1] == (0,) and largest > 0:
        whole = float(measured[0]) / largest
        first = whole if np.isfinite(whole) else first
    return losses, first, max(first - float(blocks(losses, 20).min()), 0.0)


def _noise_at(losses: Floats) -> float:
    """The noise of a batch at the first loss: that of later ones, or the same share of the loss where that is more."""
    relative = noise(np.log(losses)) if (losses > 0).all() else 0.0
    return max(noise(losses), relative * abs(float(losses[0])))


def size(record: Record) -> float:
    """The largest loss, over which `level` gives the others."""
    return float(np.max(np.abs(record.losses), initial=0.0))


def highest(losses: Floats) -> tuple[int, float]:
    """Where the losses of the first half are highest, single outliers left out, and how high."""
    smooth = running_median(losses, 3)[: max(len(losses) // 2, 1)]
    place = int(np.argmax(smooth))
    return place, float(smooth[place])


def fall(record: Record) -> float:
    """The share of the loss that the run took away: on all data where that was measured, else from block to block."""
    measured = record.measured
    if measured is not None and len(measured) > 1 and np.isfinite(measured[[0, -1]]).all():
        first, last = scaled(measured[[0, -1]])
    else:
        ends = blocks(scaled(record.losses), 20)
        first, last = ends[0], ends[-1]
    return float((first - last) / abs(first)) if first != 0 else float(np.sign(first - last))
