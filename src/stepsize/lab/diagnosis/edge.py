"""What the updates do to their own batch: at the edge of stability, or nothing but noise."""

from __future__ import annotations

import numpy as np

from ..._language import Note
from ..records.record import Record
from .base import Finding, Symptom
from .parts import HOT, alphas, level, size
from .trend import blocks, theil_sen
from .words import percent, three_digits

RAISE = 0.1  # ours: share of the updates at high rates that raise the loss of their own batch; good rates: at most 0.05
TAIL = 0.3  # the last part of the run
NET = 0.02  # ours: of what the updates take off their own batches, that is left of it in the end
NOTHING = 0.005  # ours: the same, of a loss that still falls by more than SLOWLY
FEW = 10  # rows
OFTEN = 20.0  # ours: times the loss, that the updates of the last part take off their own batches in all
SLOWLY = 0.3  # ours: of the loss, that it falls by over the last part at most


def find_edge(record: Record) -> Finding | None:
    """The finding “edge of stability”, or None."""
    found = alphas(record)
    if found is None or float(np.mean(found > 1)) < RAISE:
        return None
    share, middle = float(np.mean(found > 1)), float(np.median(found))
    first = np.flatnonzero(record.alphas > 1)  # type: ignore[operator]
    step = int(record.steps[first[0]])
    says = Note(
        "The run is at the edge of stability: {share} of the updates at high rates land beyond the height from "
        "which they started (alpha above 1), so that the loss of their own batch rises, first at update {step}. It "
        "still falls in the mean, but not because of every update.",
        share=percent(share),
        step=step,
    )
    numbers = (("share of updates that raised their own loss", share), ("median alpha", middle))
    advice = Note("nothing, where the run ends well; a rate 2 times lower, or a warm-up, where it is restless")
    return Finding(Note("edge of stability"), says, numbers, advice, step)


def find_noise(record: Record) -> Finding | None:
    """The finding “noise-dominated end”, or None."""
    begin = int(len(record) * (1 - TAIL))
    rates, slopes, ends = record.rates, record.slopes, record.end_slopes
    assert rates is not None
    assert slopes is not None
    assert ends is not None
    kept = rates[begin:]
    if not np.isfinite(kept).all() or min(float(np.median(kept)), float(kept[-1])) < HOT * float(np.nanmax(rates)):
        return None
    losses, _, gained = level(record)
    tail, there = losses[begin:], np.isfinite((slopes + ends)[begin:])
    if there.sum() < FEW:
        return None
    bent = float((slopes - ends)[begin:][there].mean())
    own = float((slopes + ends)[begin:][there].mean()) / 2 / max(size(record), 1e-300)
    base, parts = float(np.median(tail)), blocks(tail, 40)
    net = -theil_sen(np.linspace(0, 1, len(parts)), parts) / len(tail)
    if not (own > 0 and gained > 0 and base > 0 and bent > 0) or net > NET * own:
        return None
    if own * len(tail) < OFTEN * base or (net * len(tail) > SLOWLY * base and net > NOTHING * own):
        return None
    whole = size(record)
    says = Note(
        "The end of the run is noise: over the last {share} each update takes {own} off the "
        "loss of its own batch, and the loss stays near {level} all the same, for the next batches put it back.",
        share=percent(TAIL),
        own=three_digits(own * whole),
        level=three_digits(base * whole),
    )
    numbers = (
        ("fall on the own batch, an update", own * whole),
        ("fall of the loss, an update", net * whole),
        ("loss of the end", base * whole),
    )
    advice = Note(
        "a decay of the rate to a tenth or less over the last part of the run, or a larger batch: what the noise "
        "adds to "
        "the loss shrinks with the rate"
    )
    return Finding(Note("noise-dominated end"), says, numbers, advice, int(record.steps[begin]), TAIL)


EDGE = Symptom(Note("edge of stability"), ("losses", "slopes", "end_slopes"), find_edge, loss=False)
NOISY = Symptom(Note("noise-dominated end"), ("losses", "rates", "slopes", "end_slopes"), find_noise)
