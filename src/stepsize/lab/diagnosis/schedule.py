"""The schedule ended before the run did, or the run before the schedule."""

from __future__ import annotations

import numpy as np

from ..._language import Note
from ..records.record import Record
from .base import Finding, Symptom
from .course import known_rates, share_of_run
from .decided import changes, when
from .plan import is_controlled, rates_at
from .trend import kendall
from .words import joined, percent, three_digits

# ours: a cosine is below 0.5 % of its height for the last 4.5 % of the run
LOW = 0.005  # of the highest rate
LONG = 0.2  # of the run
EQUAL = 0.002  # of the highest rate: a rate that moves by less is held
HALF = 0.5  # ours: of the run, after a smooth decay
ALL_BUT = 0.9  # ours: of the run, after steps of stairs
FLOOR = 0.1  # of the highest rate: what a cosine may end at
NEAR = 0.02  # ours: of the way between the lowest rate and the highest, off a cosine
ROWS_DOWN = 4  # rows of a decay: fewer show no shape
ROUNDS = 3  # ours: decays and rises; one that is passed by a few updates is no illness
AS_LONG = Note("a schedule as long as the run (a shape without a length takes what is left)")
FEW = 4  # changes at most are stairs
HIGH = 0.3  # of the highest rate
MOVED = 0.999  # of the highest rate: one that has not left it is held or warms up, and is not on its way down
KEPT_UP = 0.8  # speed of the fall at the end over that since the highest rate; 1/√t, floors, exponentials: ≤ 0.72
FURTHER = 0.05  # ten times as long, the schedule would go below this share of where it ended; 1/t would reach 0.1


def find_early(record: Record) -> Finding | None:
    """The finding “schedule ended early”, or None."""
    rates, top = _rates(record)
    came_back = _past_its_end(record)
    if came_back is not None:
        return came_back
    above = np.flatnonzero(rates > LOW * top)
    begin = int(above[-1]) + 1 if len(above) else 0
    if top <= 0:
        return None
    if begin == len(rates):
        return _at_a_floor(record, rates, top)
    span = int(record.steps[-1]) - int(record.steps[0])
    share = (int(record.steps[-1]) - int(record.steps[begin])) / span if span > 0 else 0.0
    if share < LONG:
        return _at_a_floor(record, rates, top)
    step, last = int(record.steps[begin]), float(rates[begin:].max())
    controller = is_controlled(record) or bool(changes(record))
    who = Note("The controller holds the rate at its floor") if controller else Note("The schedule ended early")
    says = _hardly_moves(who, step, share, last, top)
    advice = Note(
        "{as_long}; look at its unit: a length in epochs, of a schedule that is stepped once an update, is over "
        "in the first moments; a shorter run, if it has learned what it can. If it was torch's ReduceLROnPlateau that "
        "lowered the rate: more patience, for that counts calls",
        as_long=AS_LONG,
    )
    if controller:
        advice = Note(
            "more patience, a milder factor or a higher floor for the controller; look at what it is told: patience "
            "counts looks, so that the loss of every batch, which goes up and down by chance, is soon not better for a "
            "few of them; a validation loss, told once an epoch, or smooth=… is calmer"
        )
    says, numbers = joined(says, _how_changed(record)), (("highest rate", top), ("rate there", last))
    return Finding(Note("schedule ended early"), says, numbers, advice, step, share)


def _hardly_moves(who: str, step: int, share: float, last: float, top: float) -> str:
    """From when on the rate is nearly 0."""
    if last > 0:
        return Note(
            "{who}: from update {step} on, {share} of the run, the rate is at most {last}, less than 0.5 % of its "
            "highest, {top}; the run hardly moves there.",
            who=who,
            step=step,
            share=percent(share),
            last=three_digits(last),
            top=three_digits(top),
        )
    return Note(
        "{who}: from update {step} on, {share} of the run, the rate is 0, after {top} at its highest; the run does "
        "not move there.",
        who=who,
        step=step,
        share=percent(share),
        top=three_digits(top),
    )


def _at_a_floor(record: Record, rates: np.ndarray, top: float) -> Finding | None:
    """A decay that is over early and leaves the rate at a height where it still moves a little."""
    last = float(rates[-1])
    moved = np.flatnonzero(np.abs(rates - last) > EQUAL * top)
    begin = int(moved[-1]) + 1 if len(moved) else 0
    if not begin or last > HIGH * top or is_controlled(record) or record.decisions:
        return None
    share = 1 - share_of_run(record, begin)
    changes = np.diff(rates[: begin + 1])
    stairs = int((np.abs(changes) > EQUAL * top).sum()) <= max(FEW, len(changes) // 4)
    if share < (ALL_BUT if stairs else HALF) or changes[-1] >= 0:
        return None
    step = int(record.steps[begin])
    says = Note(
        "The schedule ended early: its last change is at update {step}; for {share} of the run, from there to "
        "the end, the rate stays at {last}, {part} of its highest, {top}.",
        step=step,
        share=percent(share),
        last=three_digits(last),
        part=percent(last / top),
        top=three_digits(top),
    )
    advice = Note(
        "{as_long}; look at its unit: milestones in epochs that are stepped once an update are over in the first "
        "moments, and '30ep' says epochs",
        as_long=AS_LONG,
    )
    numbers = (("highest rate", top), ("rate there", last))
    return Finding(Note("schedule ended early"), says, numbers, advice, step, share)


def find_late(record: Record) -> Finding | None:
    """The finding “schedule ended late”, or None."""
    rates, top = _rates(record)
    last = float(rates[-1]) if len(rates) else 0.0
    if top <= 0 or last < HIGH * top:
        return None
    unfinished = _unfinished(record)
    if unfinished is None:
        unfinished = _still_falling(rates, top) or (_stopped(record) and last < MOVED * top)
    if not unfinished:
        return None
    says = Note(
        "The schedule ended late: at the last update, {step}, the rate is still at "
        "{part} of its highest and on its way down; the run ended before its decay.",
        step=int(record.steps[-1]),
        part=percent(last / top),
    )
    numbers = (("highest rate", top), ("last rate", last))
    advice = Note("a schedule as long as the run, or a longer run")
    return Finding(Note("schedule ended late"), says, numbers, advice)


def _rates(record: Record) -> tuple[np.ndarray, float]:
    assert record.rates is not None
    rates = np.where(np.isfinite(record.rates), record.rates, 0.0)
    return rates, float(rates.max(initial=0.0))


def _how_changed(record: Record) -> str:
    """How often a controller changed the rate, and when."""
    made = changes(record)
    if not made:
        return ""
    kind = made[0].kind
    return Note("{kind} {changed}.", kind=kind, changed=when([one for one in made if one.kind == kind]))


def _past_its_end(record: Record) -> Finding | None:
    """A cosine that was over, was stepped on, and so came back up the way that it had gone down, several times."""
    rates = known_rates(record)
    half = None if rates is None else _mirrored(rates, record.steps)
    if rates is None or half is None:
        return None
    top, (begin, end) = float(rates.max()), half
    again = 2 * end - begin
    times = (int(record.steps[-1]) - begin) / (2 * (end - begin))
    says = Note(
        "The schedule ended early: its cosine was over at update {end} and was stepped on past its end, where it "
        "comes back up, to {top} at update {again}, and down again, {times} times in the run.",
        end=end,
        top=three_digits(top),
        again=again,
        times=three_digits(times),
    )
    numbers = (("highest rate", top), ("length of the decay", float(end - begin)))
    advice = Note(
        "{as_long}; look at its unit: T_max or num_training_steps in epochs, of a schedule that is stepped once an "
        "update, does this. Restarts that are meant jump back to the top, as repeat(cosine(…)) does",
        as_long=AS_LONG,
    )
    share = 1 - (end - int(record.steps[0])) / _span(record)
    return Finding(Note("schedule ended early"), says, numbers, advice, end, share)


def _mirrored(rates: np.ndarray, steps: np.ndarray) -> tuple[int, int] | None:
    """Where the first decay begins and ends, if the rate is one cosine from there to the last row, up and down."""
    floor, top = float(rates.min()), float(rates.max())
    if floor > FLOOR * top:
        return None
    share = (rates - floor) / (top - floor)
    first = int(np.argmax(share > 1 - NEAR))
    down = np.flatnonzero(share[first:] < NEAR)
    if not len(down):
        return None
    begin, fell = first, first + int(down[0])
    while fell + 1 < len(share) and share[fell + 1] < share[fell]:
        fell += 1
    while begin + 1 < fell and share[begin + 1] >= share[begin]:
        begin += 1
    half = int(steps[fell] - steps[begin])
    if fell - begin < ROWS_DOWN or steps[begin] - steps[0] > half / 2 or steps[-1] - steps[begin] < ROUNDS * half:
        return None
    cosine = (1 + np.cos(np.pi * (steps[begin:] - steps[begin]) / half)) / 2
    return (int(steps[begin]), int(steps[fell])) if np.abs(cosine - share[begin:]).max() < NEAR else None


def _span(record: Record) -> int:
    return max(int(record.steps[-1]) - int(record.steps[0]), 1)


def _unfinished(record: Record) -> bool | None:
    """Whether the strategy would have gone on to decay, by its text; None where the text does not tell."""
    planned = record.planned_steps
    rates = rates_at(record, [int(record.steps[-1]), 10 * planned]) if planned else None
    return None if rates is None else rates[1] < FURTHER * rates[0]


def _still_falling(rates: np.ndarray, top: float) -> bool:
    """Whether the rate itself falls over the last fifth."""
    begin = int(0.8 * len(rates))
    end, peak = rates[begin:], len(rates) - 1 - int(np.argmax(rates[::-1]))
    if len(end) < 4 or kendall(end[-400:]) >= -2 or float(end[0] - end[-1]) <= 0.02 * top:
        return False
    since = (top - float(end[-1])) / max(len(rates) - 1 - peak, 1)
    return float(end[0] - end[-1]) / (len(end) - 1) >= KEPT_UP * since


def _stopped(record: Record) -> bool:
    planned = record.planned_steps
    return planned is not None and int(record.steps[-1]) < 0.9 * planned - 1


EARLY = Symptom(Note("schedule ended early"), ("rates",), find_early, loss=False)
LATE = Symptom(Note("schedule ended late"), ("rates",), find_late, loss=False)
