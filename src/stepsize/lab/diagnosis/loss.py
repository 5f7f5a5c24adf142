"""The loss goes to and fro, has stopped falling although the rate is still high, or never fell."""

from __future__ import annotations

import numpy as np

from ..._language import Note
from ...problems import Floats
from ..records.record import Record
from .base import Finding, Symptom
from .parts import HOT, SURE, alphas, fall, level, size
from .spread import relative_noise
from .trend import autocorrelation, blocks, kendall, noise, running_median, theil_sen
from .words import joined, percent, three_digits

FAR = 0.5  # an update that lands more than halfway up the other side
OFTEN = 0.3  # ours: share of such updates; good rates: at most 0.22
ALTERNATES = -0.35  # ours: autocorrelation of neighbours around the running median; noise: 0, good rates: ≥ −0.24
TAIL = 0.3  # the last part of the run, in which a plateau would be
FALLS = -1.645  # one-sided 5 % of the Mann–Kendall test
SLOW = 0.05  # of all that was gained: a tail that seems to fall by more may only be too noisy to be sure
LITTLE = 0.1  # ours, a share of the loss: who takes away more has learned something
UNSEEN = 4.0  # ours: standard errors that the lowest of 20 blocks lies below the first
DONE = 1e-4  # a gradient this much smaller than at first has nowhere left to go


def find_oscillating(record: Record) -> Finding | None:
    """The finding “oscillating”, or None."""
    losses = level(record)[0]
    turns = autocorrelation(losses - running_median(losses, 31), 1)
    found = alphas(record)
    over = float(np.mean(found > FAR)) if found is not None else 0.0
    if turns > ALTERNATES and over < OFTEN:
        return None
    parts: list[str] = []
    numbers = []
    if over >= OFTEN:
        numbers.append(("share of updates that landed far up the other side", over))
        parts.append(
            Note(
                "{share} of the updates at high rates jumped over the lowest point in their direction, to more than "
                "halfway up the other side.",
                share=percent(over),
            )
        )
    if turns <= ALTERNATES:
        numbers.append(("autocorrelation of the loss from row to row", turns))
        parts.append(
            Note(
                "a loss above its trend is followed by one below it (correlation {turns:.2f}); batches in random order "
                "alone give 0, two batches that take turns do the same.",
                turns=turns,
            )
        )
    says = joined(Note("The run oscillates:"), *parts)
    return Finding(Note("oscillating"), says, tuple(numbers), Note("half the rate, or less momentum"))


def find_plateau(record: Record) -> Finding | None:
    """The finding “plateaued”, or None."""
    trend, begin = _plateau(record)
    if begin is None or begin == 0:  # from the first row on it is none: nothing was learned
        return None
    rates, tail = record.rates, _tail(record)
    assert rates is not None
    kept, share = float(np.nanmedian(rates[tail:])), 1 - begin / len(record)
    step = int(record.steps[begin])
    base = float(np.median(record.losses[tail:]))
    numbers = (("loss of the plateau", base), ("trend of the last part, in standard deviations", trend))
    says = Note(
        "The loss has plateaued: since about update {step} ({share} of the run) it stays near "
        "{level} while the rate is still at {kept} of its highest.",
        step=step,
        share=percent(share),
        level=three_digits(base),
        kept=percent(kept / float(np.nanmax(rates))),
    )
    advice = Note("let the rate decay from there on, with cosine() or a cooldown; or stop the run there")
    return Finding(Note("plateaued"), says, numbers, advice, step, share)


def _plateau(record: Record) -> tuple[float, int | None]:
    """The trend of the last part in standard deviations, and the first row of a plateau at a high rate, or None."""
    tail, rates = _tail(record), record.rates
    if rates is None or not np.isfinite(rates[tail:]).any():
        return 0.0, None
    kept = float(np.nanmedian(rates[tail:]))
    if min(kept, float(rates[-1])) < HOT * float(np.nanmax(rates)) or kept <= 0:
        return 0.0, None
    losses, _, gained = level(record)
    last = blocks(losses[tail:], 40)
    trend, slow = kendall(last), theil_sen(np.linspace(0, 1, len(last)), last)
    if trend <= FALLS or slow < -SLOW * gained or _converged(record, tail, gained):
        return trend, None
    return trend, _begin(losses, tail)


def _tail(record: Record) -> int:
    return int(len(record) * (1 - TAIL))


def find_not_learning(record: Record) -> Finding | None:
    """The finding “not learning”, or None."""
    losses = level(record)[0]
    ends, around, trend = blocks(losses, 20), noise(losses), kendall(blocks(losses, 40))
    of_block = 1.25 * around / (len(losses) / len(ends)) ** 0.5  # the standard error of a median
    early, late = float(losses[:3].mean() - ends.min()), float(ends[0] - ends.min())
    if size(record) == 0 or _blind(record.losses):
        return None
    fell = fall(record) > LITTLE or trend <= SURE or late > UNSEEN * of_block or early > 2 * around
    if fell and _plateau(record)[1] != 0:
        return None
    stayed = three_digits(float(np.median(record.losses)))
    says = Note("The run learned nothing that shows: the loss stayed near {stayed}, and never moved.", stayed=stayed)
    if around > 0:
        says = Note(
            "The run learned nothing that shows: the loss stayed near {stayed}, and its fall is within its noise.",
            stayed=stayed,
        )
    numbers = (
        ("most that the loss came below its start", size(record) * early),
        ("noise of the loss from row to row", size(record) * around),
        ("trend of the run, in standard deviations", trend),
    )
    advice = Note(
        "a rate 10 times higher and one 10 times lower, to see which moves it; if neither does, look at the data, "
        "the loss and the gradients (a model that was trained already has nothing left to learn)"
    )
    return Finding(Note("not learning"), says, numbers, advice)


def _blind(losses: Floats) -> bool:
    """Whether the noise is so large that a loss that fell to the half would not be seen in blocks of a twentieth."""
    of_block = 1.25 * relative_noise(losses) / (len(losses) / 20) ** 0.5
    return bool(np.log(2) < UNSEEN * of_block)


def _begin(losses: Floats, tail: int) -> int:
    """The first row whose loss, outliers left out, is down to the plateau, its noise apart."""
    level_of = float(np.median(losses[tail:])) + noise(losses[tail:])
    for window in (15, 1):  # a loss that fell within a few rows is seen row by row
        begin = min(int(np.argmax(running_median(losses, window) <= level_of)), tail)
        if begin:
            return begin
    return 0


def _converged(record: Record, tail: int, gained: float) -> bool:
    """Whether nothing is left to gain: the gradient is gone, or the loss came down and stands still to nine digits."""
    norms = record.grad_norms
    if norms is not None:
        first, last = norms[: max(len(norms) // 20, 1)], norms[tail:]
        if np.isfinite(first).any() and np.isfinite(last).any() and np.nanmedian(last) < DONE * np.nanmedian(first):
            return fall(record) > SHARE
    losses = level(record)[0]
    return gained > 0 and float(np.ptp(losses[tail:])) <= 1e-9 * gained


NOT_LEARNING = Symptom(Note("not learning"), ("losses",), find_not_learning)
SHARE = 0.5  # a gradient that is gone before half the loss is gone has vanished, not arrived
OSCILLATING = Symptom(Note("oscillating"), ("losses",), find_oscillating)
PLATEAUED = Symptom(Note("plateaued"), ("losses", "rates"), find_plateau)
