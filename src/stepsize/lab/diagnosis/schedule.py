"""The schedule ended before the run did, or the run before the schedule."""

from __future__ import annotations

import numpy as np

from ..._errors import StepsizeError
from ...text import as_descent
from ..records.record import Record
from .base import Finding, Symptom
from .course import share_of_run
from .trend import kendall
from .words import percent, three_digits

# ours: a cosine is below 0.5 % of its height for the last 4.5 % of the run
LOW = 0.005  # of the highest rate
LONG = 0.2  # of the run
EQUAL = 0.002  # of the highest rate: a rate that moves by less is held
HALF = 0.5  # ours: of the run, after a smooth decay
ALL_BUT = 0.9  # ours: of the run, after steps of stairs
FEW = 4  # changes at most are stairs
HIGH = 0.3  # of the highest rate
MOVED = 0.999  # of the highest rate: one that has not left it is held or warms up, and is not on its way down
KEPT_UP = 0.8  # speed of the fall at the end over that since the highest rate; 1/√t, floors, exponentials: ≤ 0.72
FURTHER = 0.05  # ten times as long, the schedule would go below this share of where it ended; 1/t would reach 0.1


def find_early(record: Record) -> Finding | None:
    """The finding “schedule ended early”, or None."""
    rates, top = _rates(record)
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
    controller = _controlled(record)
    who = "The controller holds the rate at its floor" if controller else "The schedule ended early"
    says = (
        f"{who}: from update {step} on, {percent(share)} of the run, the rate is at most {three_digits(last)}, less "
        f"than 0.5 % of its highest, {three_digits(top)}; the run hardly moves there."
    )
    advice = (
        "more patience, a milder factor or a higher floor for the controller"
        if controller
        else "a schedule as long as the run (a shape without a length takes what is left), or a shorter run"
    )
    return Finding("schedule ended early", says, (("highest rate", top), ("rate there", last)), advice, step, share)


def _at_a_floor(record: Record, rates: np.ndarray, top: float) -> Finding | None:
    """A decay that is over early and leaves the rate at a height where it still moves a little."""
    last = float(rates[-1])
    moved = np.flatnonzero(np.abs(rates - last) > EQUAL * top)
    begin = int(moved[-1]) + 1 if len(moved) else 0
    if not begin or last > HIGH * top or _controlled(record) or record.decisions:
        return None
    share = 1 - share_of_run(record, begin)
    changes = np.diff(rates[: begin + 1])
    stairs = int((np.abs(changes) > EQUAL * top).sum()) <= max(FEW, len(changes) // 4)
    if share < (ALL_BUT if stairs else HALF) or changes[-1] >= 0:
        return None
    step = int(record.steps[begin])
    says = (
        f"The schedule ended early: its last change is at update {step}; for {percent(share)} of the run, from "
        "there to "
        f"the end, the rate stays at {three_digits(last)}, {percent(last / top)} of its highest, {three_digits(top)}."
    )
    advice = (
        "a schedule as long as the run (a shape without a length takes what is left); look at its unit: milestones in "
        "epochs that are stepped once an update are over in the first moments, and '30ep' says epochs"
    )
    return Finding("schedule ended early", says, (("highest rate", top), ("rate there", last)), advice, step, share)


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
    says = (
        f"The schedule ended late: at the last update, {int(record.steps[-1])}, the rate is still at "
        f"{percent(last / top)} of its highest and on its way down; the run ended before its decay."
    )
    numbers = (("highest rate", top), ("last rate", last))
    return Finding("schedule ended late", says, numbers, "a schedule as long as the run, or a longer run")


def _rates(record: Record) -> tuple[np.ndarray, float]:
    assert record.rates is not None
    rates = np.where(np.isfinite(record.rates), record.rates, 0.0)
    return rates, float(rates.max(initial=0.0))


def _controlled(record: Record) -> bool:
    try:
        return record.text is not None and bool(as_descent(record.text).rate.controllers)
    except StepsizeError:
        return False


def _unfinished(record: Record) -> bool | None:
    """Whether the strategy would have gone on to decay, by its text; None where the text does not tell."""
    planned = record.planned_steps
    if record.text is None or not planned:
        return None
    try:
        whole = as_descent(record.text).over(planned)
        ended, later = (float(whole.without_control(t)) for t in (int(record.steps[-1]), 10 * planned))
    except (StepsizeError, OverflowError):
        return None
    return later < FURTHER * ended


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


EARLY = Symptom("schedule ended early", ("rates",), find_early, loss=False)
LATE = Symptom("schedule ended late", ("rates",), find_late, loss=False)
