"""The shape of the rate over a run: begun again, warming for too long, decayed too late, restarted for nothing."""

from __future__ import annotations

import numpy as np

from ..._language import Note, commas
from ...problems import Floats
from ..records.record import Record
from .base import Finding, Symptom
from .course import known_rates, share_of_run, words_of_share
from .parts import level
from .trend import blocks, kendall, lower, noise
from .words import percent, three_digits

JUMP = 0.1  # of the highest rate: what a schedule does not change by from one row to the next, restarts apart
FLOOR = 0.15  # of the highest rate: a cycle that came down to this has ended by plan
ALIKE = 0.02  # of the highest rate: how near the rates after a resume are to those after the start
REPLAYED = 4  # rows at least
LONG = 0.6  # ours: of the run; triangles reach their top at 0.5, one-cycle at 0.3
TOP = 0.95  # of the highest rate
LATE = 0.92  # ours: of the run; the shortest cooldown in use is 0.1
LEFT = 0.5  # of the highest rate: a decay goes below
TOLD = 0.1  # of the loss at the end of a cycle, that its noise may come to: else nothing can be said
WON = 0.2  # ours: of the loss before the decay
SURELY = 2.0  # standard deviations of the Mann–Whitney test
LITTLE = 0.02  # ours: of all that was gained; what a cycle brings beyond is worth its updates


def find_again(record: Record) -> Finding | None:
    """The finding “schedule began again”, or None."""
    rates = known_rates(record)
    row = None if rates is None else _replay(rates, record.steps)
    if rates is None or row is None:
        return None
    before, after = float(rates[row - 1]), float(rates[row])
    step = int(record.steps[row])
    says = Note(
        "The schedule began again at update {step}: the rate goes from {before} to {after} "
        "and then through the same values as after the start, in the middle of a decay, as when a resumed run does not "
        "load the state of its scheduler.",
        step=step,
        before=three_digits(before),
        after=three_digits(after),
    )
    numbers = (("rate before", before), ("rate there", after))
    advice = Note(
        "load the scheduler's state with the checkpoint, or build it with done=… (in PyTorch "
        "Scheduler(…, done={step})); restarts that are meant begin at the floor of a cycle, as repeat(cosine(…)) does",
        step=step,
    )
    return Finding(Note("schedule began again"), says, numbers, advice, step, 1 - share_of_run(record, row))


def _replay(rates: Floats, steps: np.ndarray) -> int | None:
    """The only row from which on the rates are those of the start again, without a cycle that had come to its end."""
    top = float(rates.max())
    jumps = np.flatnonzero(np.abs(np.diff(rates)) > JUMP * top) + 1
    found = [int(row) for row in jumps if _is_replay(rates / top, steps, int(row))]
    return found[0] if len(found) == 1 else None


def _is_replay(rates: Floats, steps: np.ndarray, row: int) -> bool:
    if row < REPLAYED or len(rates) - row < REPLAYED or rates[row - 1] <= FLOOR:
        return False
    after = np.interp(steps[row:] - steps[row], steps[:row] - steps[0], rates[:row])
    within = steps[row:] - steps[row] <= steps[row - 1] - steps[0]
    if within.sum() < REPLAYED or np.abs(after - rates[row:])[within].max() > ALIKE:
        return False
    if after[within].max() <= JUMP:  # beside a peak all that is low looks alike
        return False
    fell = np.diff(rates[max(row - 1 - REPLAYED, 0) : row])
    return bool(
        np.ptp(rates[:row]) > JUMP and (fell != 0).any()
    )  # held until there: a step of stairs, or a cycle's end


def find_warming(record: Record) -> Finding | None:
    """The finding “warm-up too long”, or None."""
    rates = known_rates(record)
    if rates is None:
        return None
    top = float(rates.max())
    row = int(np.argmax(rates >= TOP * top))
    share = share_of_run(record, row)
    if share < LONG or rates[0] > LEFT * top or kendall(blocks(rates[: row + 1], 40)) < 3 or _cycles(rates):
        return None
    over = bool(rates[-1] >= TOP * top)
    left = Note("and has the other {share} to decay", share=percent(1 - share))
    says = Note(
        "The warm-up is too long: the rate rises for {share} of the run, up to update {step}, {end}.",
        share=percent(share),
        step=int(record.steps[row]),
        end=Note("and is there still when the run ends") if over else left,
    )
    advice = Note(
        "a warm-up of 1 to 10 % of the run, such as warmup('5%') >> cosine(); look at its unit, for epochs counted as "
        "updates, or a schedule that is stepped once an epoch, do this"
    )
    numbers = (("share of the run in which the rate rises", share), ("highest rate", top))
    return Finding(Note("warm-up too long"), says, numbers, advice, int(record.steps[row]), share)


def find_late_decay(record: Record) -> Finding | None:
    """The finding “decay too late”, or None."""
    rates = known_rates(record)
    if rates is None or rates[-1] > LEFT * rates.max():
        return None
    held = np.flatnonzero(rates >= TOP * rates.max())
    row = int(held[-1]) + 1
    if row >= len(rates) or share_of_run(record, row) < LATE or len(held) < 0.6 * len(rates):
        return None
    losses = level(record)[0]
    before, after = losses[row // 2 : row], losses[row:]
    end, middle = after[len(after) // 2 :], len(before) // 2
    stood, low = float(np.median(before[middle:])), float(np.median(end))
    earlier = float(np.median(before[:middle]))
    if not 0 < low < (1 - WON) * stood or stood / low < earlier / stood or lower(end, before[middle:]) < SURELY:
        return None
    size = float(np.max(np.abs(record.losses)))
    high, low = size * stood, size * low
    step = int(record.steps[row])
    says = Note(
        "The decay came too late: the rate is held for {share} of the run, to a loss near "
        "{high}; the decay from update {step} on brought it to {low}, more than the second "
        "half of all that went before, and had no time for more.",
        share=words_of_share(record, row),
        high=three_digits(high),
        step=step,
        low=three_digits(low),
    )
    numbers = (
        ("loss before the decay", high),
        ("loss at the end", low),
        ("share of the run held", share_of_run(record, row)),
    )
    advice = Note("begin the decay earlier, over the last 20 to 50 % of the run, or use cosine() for all of it")
    return Finding(Note("decay too late"), says, numbers, advice, step, 1 - share_of_run(record, row))


def find_restarts(record: Record) -> Finding | None:
    """The finding “restarts without gain”, or None."""
    rates = known_rates(record)
    borders = [] if rates is None else _cycles(rates)
    if rates is None or len(borders) < 2:
        return None
    losses, _, gained = level(record)
    parts = list(zip([0, *borders], [*borders, len(losses)], strict=True))
    if min(end - begin for begin, end in parts[:-1]) < 20 or not gained > 0:
        return None
    if parts[-1][1] - parts[-1][0] < 0.5 * (parts[-2][1] - parts[-2][0]):  # cut off while the rate was high
        parts = parts[:-1]
    ends = [losses[end - max((end - begin) // 8, 3) : end] for begin, end in parts]
    levels = np.array([float(np.median(one)) for one in ends])
    errors = np.array([1.25 * noise(one) / len(one) ** 0.5 for one in ends])
    best = np.minimum.accumulate(levels)
    worth = np.maximum(LITTLE * gained, 0.03 * np.abs(best[:-1]))
    if (2 * errors > TOLD * np.abs(levels)).any():
        return None
    brought = np.flatnonzero(best[:-1] - levels[1:] > np.minimum(worth, 2 * errors[1:] + 1e-12))
    last = int(brought[-1]) + 1 if len(brought) else 0  # the last cycle that brought something
    empty = len(parts) - 1 - last
    if empty < 2:
        return None
    size = float(np.max(np.abs(record.losses)))
    step = int(record.steps[parts[last + 1][0]])
    says = Note(
        "The last {count} restarts gained nothing: the loss at the end of the cycles is {losses}; from update {step} "
        "on ({share} of the run) every cycle only won back what its restart had lost.",
        count=empty,
        losses=commas(three_digits(size * float(one)) for one in levels[max(last - 1, 0) :][:6]),
        step=step,
        share=percent(1 - share_of_run(record, parts[last + 1][0])),
    )
    numbers = (("restarts without gain", float(empty)), ("loss before them", size * float(levels[last])))
    advice = Note(
        "end the run there, or one long cosine() in place of the restarts; if it has to go on, restarts to lower rates"
    )
    return Finding(
        Note("restarts without gain"), says, numbers, advice, step, 1 - share_of_run(record, parts[last + 1][0])
    )


def _cycles(rates: Floats) -> list[int]:
    """The rows where a rate that had come down to a floor goes back up by much: the beginnings of cycles."""
    found: list[int] = []
    low, up = -1, False
    for row, rate in enumerate((rates / rates.max()).tolist()):
        if rate <= FLOOR:
            low = row if up else -1
        elif rate > 2 * FLOOR:
            found += [low + 1] if low >= 0 else []
            low, up = -1, True
    return found


AGAIN = Symptom(Note("schedule began again"), ("rates",), find_again, loss=False)
WARMING = Symptom(Note("warm-up too long"), ("rates",), find_warming, loss=False)
LATE_DECAY = Symptom(Note("decay too late"), ("losses", "rates"), find_late_decay)
RESTARTS = Symptom(Note("restarts without gain"), ("losses", "rates"), find_restarts)
