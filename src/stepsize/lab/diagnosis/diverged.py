"""Diverged: the loss stopped being finite, or ended above where it began; and the update at which the rise began."""

from __future__ import annotations

import numpy as np

from ..._language import Note
from ...problems import Floats
from ..records.record import Record
from .base import CERTAIN, LIKELY, Finding, Symptom
from .course import rises
from .plan import planned_peak
from .spread import by_chance, relative_noise, resolution
from .trend import blocks, noise, running_median, scaled
from .words import joined, percent, three_digits

CLEAR = 8.0  # ours: standard deviations of the noise
FAR = 1000.0  # ours: times the first loss, where there are too few rows to know the noise
NEVER_BACK = 3.0  # ours: times the first loss, above which all others stay
CLEARLY = 0.1  # ours: of the loss at the start, that it must end above it
SURE = 3.0  # standard deviations of the logarithm, for what all rows but the first agree on
CALM = 2.0  # ours: times the usual norm
LOST = 0.5  # ours: of what was gained; healthy runs of bench/diagnosis.py: at most 0.03


def find(record: Record) -> Finding | None:
    """The finding of this rule, or None."""
    broken = np.flatnonzero(~np.isfinite(record.losses))
    cut = int(broken[0]) if len(broken) else len(record)
    above = len(broken) > 0 or bool(record.diverged) or _above(record)
    if not (above or _lost_again(record)):
        return None
    begin = _begin(record, cut)
    rose = cut > 0 and begin < cut - 2 and bool(record.losses[cut - 1] > record.losses[begin])
    broke = int(record.steps[cut]) if cut < len(record) else None
    step = int(record.steps[begin]) if rose else broke
    ended = _ended(record, cut) if above else Note("it lost most of what it had gained")
    rise, numbers = "", _ends(record, cut)
    if rose:
        low, last = float(record.losses[begin]), float(record.losses[cut - 1])
        numbers = [("loss where the rise began", low), ("last finite loss", last)]
        rise = _rise(step, low, None if above else last)
    too = _validated_too(record, int(record.steps[cut])) if cut < len(record) else ""
    return Finding(
        illness=Note("diverged"),
        says=joined(Note("The run diverged: {ended}.", ended=ended), rise, too),
        numbers=tuple(numbers),
        advice=_try(record, begin, cut, suddenly=len(broken) > 0 and not rose),
        step=step,
        sure=CERTAIN if len(broken) or record.diverged else LIKELY,
    )


def _rise(step: int | None, low: float, last: float | None) -> str:
    """Where the loss began to rise, and how high it came, where that is not said yet."""
    if last is None:
        return Note("The rise began at update {step}, where the loss was {low}.", step=step, low=three_digits(low))
    return Note(
        "The rise began at update {step}, where the loss was {low}; at the end it was {last}.",
        step=step,
        low=three_digits(low),
        last=three_digits(last),
    )


def _try(record: Record, begin: int, cut: int, suddenly: bool) -> str:
    """What to try, by what led up to the end: nothing, a warm-up, or a rise."""
    warming = _in_warm_up(record, cut)
    calm = suddenly and cut >= 20 and _calm_norms(record, cut)
    if warming is None or calm:
        return _advice(begin, cut, suddenly)
    return warming


def _calm_norms(record: Record, cut: int) -> bool:
    """Whether the last gradients before a break were no longer than others: a rate too high shows in them first."""
    if record.grad_norms is None:
        return False
    norms = record.grad_norms[max(cut - 50, 0) : cut]
    norms = norms[np.isfinite(norms)]
    return bool(len(norms) >= 20 and norms[-3:].max() <= CALM * np.median(norms))


def _in_warm_up(record: Record, cut: int) -> str | None:
    """What to try where the rate was still rising when the run broke; None where it was not, or had been for long."""
    if cut < 3 or not rises(record.until(cut)):
        return None
    assert record.rates is not None
    there, step = float(record.rates[cut - 1]), int(record.steps[cut - 1])
    peak = max(planned_peak(record), float(np.nanmax(record.rates)))
    below = peak > 1.01 * there
    share = Note(", {share} of its peak {peak}", share=percent(there / peak), peak=three_digits(peak)) if below else ""
    return Note(
        "a lower peak, below {rate}, for the rate still rose when the run broke: at update {step} it "
        "was {there}{share}; a longer warm-up alone comes to the same rate later",
        rate=three_digits(there / 3),
        step=step,
        there=three_digits(there),
        share=share,
    )


def _validated_too(record: Record, update: int) -> str:
    """That the validation loss is no number either from there on."""
    if record.validated is None or record.measured_at is None or len(record.measured_at) != len(record.validated):
        return ""
    after = record.validated[np.array(record.measured_at) >= update]
    broken = len(after) > 0 and not np.isfinite(after).any()
    return Note("So is the validation loss from there on.") if broken else ""


def _above(record: Record) -> bool:
    """Whether the last losses stand clearly above the first, where nobody said that the run diverged."""
    if record.diverged is False or len(record) < 2:
        return False
    losses = scaled(record.losses)
    if len(record) < 20:
        return bool(losses[-1] > FAR * np.abs(losses[:1]).max())
    ends = blocks(losses, 20)
    typical = max(
        noise(losses[: max(len(losses) // 4, 5)]), relative_noise(losses) * abs(ends[0]), resolution(losses) / 2
    )
    rise = ends[-1] - ends[0]
    above = rise > CLEAR * typical and rise > ends[0] - ends.min() and rise > CLEARLY * abs(ends[0])
    above = above and not _may_be_chance(losses, ends[0], ends[-1])
    low = losses[1:].min()
    never = low > NEVER_BACK * losses[0] > 0 and not _may_be_chance(losses, losses[0], low)
    return bool(above or never)


def _lost_again(record: Record) -> bool:
    """Whether most of what the run had gained was lost in the end."""
    if record.diverged is False or len(record) < 20:
        return False
    losses = scaled(record.losses)
    ends = blocks(losses, 20)
    back, gained = ends[-1] - ends.min(), ends[0] - ends.min()
    clear = back > CLEAR * by_chance(losses) and not _may_be_chance(losses, ends.min(), ends[-1])
    return bool(back > LOST * gained and gained > CLEAR * noise(ends) and clear)


def _may_be_chance(losses: Floats, low: float, high: float) -> bool:
    """Whether losses that vary in proportion to their level may come from the one level to the other by chance."""
    return bool(low > 0 and np.log(high / low) <= SURE * relative_noise(losses))


def _begin(record: Record, cut: int) -> int:
    """The last row whose loss is as low as the lowest, noise apart: from there it rose."""
    if cut < 3:
        return 0
    losses = scaled(record.losses[:cut])
    smooth = running_median(losses, 3)
    smooth[[0, -1]] = losses[[0, -1]]
    low = int(np.argmin(smooth))
    around = 4 * noise(losses[: low + 1]) if low >= 5 else 0.0
    return int(np.flatnonzero(smooth <= smooth[low] + around)[-1])


def _ended(record: Record, cut: int) -> str:
    if cut < len(record):
        return Note("the loss is not a finite number at update {step}", step=int(record.steps[cut]))
    planned = record.planned_steps
    if planned is not None and record.diverged and record.made < planned and record.measured is not None:
        return Note(
            "numbers stopped being finite at update {made} of {planned}, where the run was ended",
            made=record.made,
            planned=planned,
        )
    ends = [three_digits(one) for _, one in _ends(record, cut)]
    if len(ends) < 2:
        return Note("it ended above the loss that it began with")
    return Note("it ended above the loss that it began with: {last} after {first}", last=ends[1], first=ends[0])


def _ends(record: Record, cut: int) -> list[tuple[str, float]]:
    """The loss at both ends, on all data where that was measured."""
    whole = record.measured if record.measured is not None and np.isfinite(record.measured).all() else None
    both = record.losses[:cut] if whole is None or len(whole) < 2 else whole
    return [("loss at the start", float(both[0])), ("loss at the end", float(both[-1]))] if len(both) else []


def _advice(begin: int, cut: int, suddenly: bool) -> str:
    if suddenly and cut >= 20:
        return Note(
            "look at the batch of that update, for nothing led up to it: inputs that are no numbers, the logarithm or "
            "a quotient of 0; if it comes with other batches too, a rate 10 times lower or a clip"
        )
    if 0.2 * cut < begin < cut - 2:
        return Note(
            "a lower rate from there on (a decay), or a clip such as clip_norm(1) before the rule; "
            "look at the batches around that update"
        )
    return Note("a rate 10 times lower, or a warm-up such as warmup('5%') before the schedule")


DIVERGED = Symptom(Note("diverged"), ("losses",), find, rows=1, sees="to_the_end")
