"""The rate is too small, or too large, by what the loss did and where updates land on their parabolas."""

from __future__ import annotations

import numpy as np

from ..._language import Note
from ...problems import Floats
from ..records.record import Record
from .base import Finding, Symptom
from .parts import SLIGHT, SURE, alphas, fall, highest, level, progress, size
from .spread import averaging, relative_noise, resolution
from .trend import blocks, kendall, noise, running_median, theil_sen
from .words import joined, percent, three_digits

# ours, set on the runs of bench/diagnosis.py
SHORT = -0.995  # updates that go a 200th of the way to the floor of their parabola; good rates: −0.995 to 0.16
STEADY = 0.4  # speed of the second half over that of the first; good rates: at most 0.26
VISIBLE, MANY, TINY = 0.05, 150, 6e-5  # ours: a fall, rows, and a rate as fine-tuning has it
ROWS = 20
BEYOND = 0.3  # where the median update lands at too large a rate; good rates: at most 0.16
RAISED = 0.25  # share of updates beyond 1, which raised the loss of their own batch; good rates: at most 0.11
JUMP = 0.6  # an early rise over all that was gained later; good rates: at most 0.44
CLEAR = 6.0  # standard deviations of the noise
LEAP = 4  # the rows after the first that are all higher by far
RESTLESS = 0.6  # of the logarithm: about that of mean squares over four rows
CALM = (2.0, 2.5, 5.0)  # ours: times the start for all of them; for the top of the first quarter; times what came later
WILD = (5.0, 30.0, 30.0)  # ours: the same for losses of a few rows, of which one is often low by chance
BACK = 0.3  # times the end, that a start must be


def find_small(record: Record) -> Finding | None:
    """The finding “rate too small”, or None."""
    gained = fall(record)
    if gained >= SLIGHT:
        return None
    found = alphas(record)
    middle = float(np.median(found)) if found is not None else None
    speed = _speeds(record) if kendall(blocks(record.losses, 40)) <= SURE else None
    if middle is not None:  # where updates land decides; a loss that falls steadily may be of a long way to go
        if middle > SHORT:
            return None
    elif speed is None or speed < STEADY or _near_its_best(record, gained):
        return None
    numbers = [("share of the loss taken away", gained)]
    parts = [_took(gained)]
    if speed is not None and speed >= STEADY:
        numbers.append(("speed of the fall, second half over first", speed))
        parts.append(_still_fell(speed, alone=middle is not None))
    if middle is not None:
        numbers.append(("median alpha", middle))
        parts.append(_went(middle))
    advice = Note("a rate 10 times higher, and again until the loss bends")
    if middle is None:
        advice = Note(
            "{advice}; should that be worse, 10 times lower: the loss alone does not tell for certain", advice=advice
        )
    return Finding(Note("rate too small"), joined(*parts), tuple(numbers), advice)


def _took(gained: float) -> str:
    """How much of the loss the run took away."""
    if gained <= 0:
        return Note("The rate is too small: the whole run took away nothing of the loss.")
    if gained < 0.01:
        return Note("The rate is too small: the whole run took away {share} of the loss.", share=percent(gained))
    return Note("The rate is too small: the whole run took away only {share} of the loss.", share=percent(gained))


def _still_fell(speed: float, alone: bool) -> str:
    """How fast the loss fell in the end; `alone` says that only the rate can have held it back."""
    times = three_digits(speed)
    if alone:
        return Note(
            "It still fell at the end, at {times} times its early speed: nothing held it back but the rate.",
            times=times,
        )
    return Note("It still fell at the end, at {times} times its early speed.", times=times)


def _went(middle: float) -> str:
    """How far the typical update went."""
    if middle > -1 + 1e-9:
        return Note(
            "The typical update went {way:.2g} % of the way to the lowest point in its direction (alpha {alpha:.4g}).",
            way=100 * (1 + middle),
            alpha=middle,
        )
    return Note(
        "The typical update went next to nothing of the way to the lowest point in its direction (alpha {alpha:.4g}).",
        alpha=middle,
    )


def small_remark(record: Record) -> str | None:
    """What is worth saying of a loss that falls little and steadily, in a run that may have begun near its best."""
    gained = fall(record)
    if not 0 < gained < SLIGHT or alphas(record) is not None or not _near_its_best(record, gained):
        return None
    speed = _speeds(record) if len(record) >= ROWS and kendall(blocks(record.losses, 40)) <= SURE else None
    if speed is None or speed < STEADY:
        return None
    return Note(
        "The run took away {share} of the loss, at the end still at {times} times its early "
        "speed: the rate may be too small, if the model does not begin near its best, as in fine-tuning. A run at "
        "twice the rate tells.",
        share=percent(gained),
        times=three_digits(speed),
    )


def _near_its_best(record: Record, gained: float) -> bool:
    """Whether the model may have been trained before: a loss that falls a little, over few rows or at a tiny rate."""
    rates = record.rates
    tiny = rates is not None and np.isfinite(rates).any() and float(np.nanmax(rates)) < TINY
    return bool(gained > VISIBLE and (len(record) < MANY or tiny))


def find_large(record: Record) -> Finding | None:
    """The finding “rate too large”, or None."""
    found = alphas(record)
    middle = float(np.median(found)) if found is not None else None
    losses, first, gained = level(record)
    place, top = highest(losses)
    jump = (top - first) / gained if gained > 0 else float("inf")
    jumped = _exploded(losses) or (jump > JUMP and top - first > 1e-9 and _clear(losses, first, top))
    over = float(np.mean(found > 1)) if found is not None else 0.0
    beyond = middle is not None and middle > BEYOND and over > RAISED
    if not (jumped or beyond):
        return None
    parts: list[str] = []
    numbers, step = [], None
    if jumped:
        row = place + int(np.argmax(record.losses[place : place + 2]))
        step, peak, start = int(record.steps[row]), float(record.losses[row]), float(record.losses[0])
        numbers += [("loss at the start", start), ("highest early loss", peak)]
        parts.append(_rose(start, peak, step, start - size(record) * float(blocks(losses, 20).min())))
    if beyond and middle is not None:
        numbers += [("median alpha", middle), ("share of updates that raised their own loss", over)]
        parts.append(
            Note(
                "{share} of the updates at high rates raised the loss of their own batch, and the typical one overshot "
                "the lowest point in its direction by {beyond} of the way there.",
                share=percent(over),
                beyond=percent(middle),
            )
        )
    says = joined(Note("The rate is too large:"), *parts)
    advice = Note("a rate 3 to 10 times lower, or a warm-up before it")
    return Finding(Note("rate too large"), says, tuple(numbers), advice, step)


def _rose(start: float, peak: float, step: int, below: float) -> str:
    """How far the loss rose early in the run, and how far it later came below its start."""
    low, high = three_digits(start), three_digits(peak)
    if not below > 0:
        return Note(
            "the loss first rose from {low} to {high} at update {step} and never came back below its start.",
            low=low,
            high=high,
            step=step,
        )
    return Note(
        "the loss first rose from {low} to {high} at update {step}, {times} times as far as it later fell below its "
        "start.",
        low=low,
        high=high,
        step=step,
        times=three_digits((peak - start) / below),
    )


def _exploded(losses: Floats) -> bool:
    """Whether the loss left its start by far within a few updates, and stood there until it fell by more.

    That is clear however restless it is after that: by chance one row is rarely so far below each of the next ones.
    """
    start, quarter = float(losses[0]), len(losses) // 4
    lifted, far, after = CALM if relative_noise(losses) < RESTLESS else WILD
    if quarter < LEAP or not 0 < lifted * start < losses[1 : LEAP + 1].min():
        return False
    if start < BACK * np.median(losses[-quarter:]):  # a start that the run never comes near was low by chance
        return False
    top = float(running_median(losses, 3)[: quarter + 1].max())
    return bool(top > far * start and top > after * np.median(losses[quarter : 2 * quarter]))


def _clear(losses: Floats, first: float, top: float) -> bool:
    """Whether a rise is none of chance: beyond the noise, the noise of the level where it is, and the last digit."""
    rough = noise(losses) / (1 - averaging(losses))
    beyond = top - first > CLEAR * max(rough, resolution(losses) / 2)
    return bool(beyond and (first <= 0 or np.log(top / first) > CLEAR * relative_noise(losses)))


def _speeds(record: Record) -> float | None:
    """The speed of the fall in the second half of the progress over that in the first; None where it cannot be told."""
    time, losses = progress(record), level(record)[0]
    middle = int(np.searchsorted(time, 0.5))
    if min(middle, len(record) - middle) < 8:
        return None
    early, late = (
        theil_sen(blocks(time[part], 20), blocks(losses[part], 20)) for part in (slice(middle), slice(middle, None))
    )
    return late / early if early < 0 else None


TOO_SMALL = Symptom(Note("rate too small"), ("losses",), find_small)
TOO_LARGE = Symptom(Note("rate too large"), ("losses",), find_large)
