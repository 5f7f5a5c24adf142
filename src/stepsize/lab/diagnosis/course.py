"""How far a record goes in its run, and whether it is a run at all: still going on, warming up, or a range test."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..._language import Note
from ...problems import Floats
from ..records.record import Record
from .plan import is_controlled
from .words import percent, three_digits

ENOUGH = 20  # rows: fewer do not show the shape of a sweep
WIDE = 5.0  # ours: the last rate over the first; no schedule grows by one factor to its end
STRAIGHT = 0.03  # ours: of the range of the logarithms, off a straight line
NEARLY = 0.01  # of the updates planned, that a log may lack at its end


@dataclass(frozen=True)
class Course:
    """What the rows are of: `running` says that planned updates are missing, `warming` that the rate still rises in
    them, `tested` that the rates are those of a range test. `remarks` says so.
    """

    running: bool
    warming: bool
    tested: bool
    remarks: tuple[str, ...]

    @staticmethod
    def of(record: Record, broke: bool) -> Course:
        """The course of a record, of a run that broke or not."""
        running = not broke and is_running(record)
        tested, said = is_range_test(record), []
        if running:
            at, planned = int(record.steps[-1]), record.planned_steps
            said.append(
                Note(
                    "The record ends at update {at} of {planned}: the run is still going on, or was stopped. What its "
                    "schedule has yet to do is not judged.",
                    at=at,
                    planned=planned,
                )
            )
        if tested:
            rates = record.rates
            assert rates is not None
            said.append(
                Note(
                    "The rate grows from row to row by one factor, from {first} to {last}: this is a range test and "
                    "no run, so its loss ought to break. stepsize find makes one and reads it.",
                    first=three_digits(float(rates[0])),
                    last=three_digits(float(rates[-1])),
                )
            )
        return Course(running, running and rises(record), tested, tuple(said))

    def why_not(self, illness: str) -> str | None:
        """Why a rule must not judge these rows; None where it may."""
        if self.tested and illness not in FACTS:
            return Note("the rates are those of a range test")
        if self.warming and illness in EARLY_ON:
            return Note("the run is still in its warm-up")
        return Note("the run is still going on") if self.running and illness in OF_THE_END else None


FACTS = ("updates left out", "rate is 0", "gradient is 0")
EARLY_ON = ("rate too small", "not learning")
OF_THE_END = (
    "plateaued",
    "noise-dominated end",
    "warm-up too long",
    "schedule ended late",
    "decay too late",
    "restarts without gain",
)


def is_running(record: Record) -> bool:
    """Whether updates that were planned are still to come, as far as the rows tell."""
    planned = record.planned_steps
    if planned is None or not len(record) or record.diverged:
        return False
    gap = float(np.median(np.diff(record.steps))) if len(record) > 1 else 0.0
    return int(record.steps[-1]) + 1 + max(2 * gap, NEARLY * planned) < planned


def rises(record: Record) -> bool:
    """Whether the rate at the last row is the highest, and higher than at the first: a warm-up that is not over."""
    rates = known_rates(record)
    return rates is not None and bool(rates[-1] >= 0.999 * rates.max() and rates[0] < 0.95 * rates[-1])


def is_range_test(record: Record) -> bool:
    """Whether the rates grow by one factor from the first row to the last, as a finder's do."""
    rates = known_rates(record)
    if rates is None or len(rates) < ENOUGH or _controlled(record) or not (rates > 0).all():
        return False
    if rates[-1] < WIDE * rates[0] or (np.diff(rates) < 0).any():
        return False
    logs, line = np.log(rates), record.steps.astype(float)
    straight = np.polyval(np.polyfit(line, logs, 1), line)
    return bool(np.abs(logs - straight).max() <= STRAIGHT * (logs[-1] - logs[0]))


def known_rates(record: Record) -> Floats | None:
    """The rates, where every row has one and some are above 0."""
    rates = record.rates
    if rates is None or not len(rates) or not np.isfinite(rates).all() or rates.max() <= 0:
        return None
    return rates


def _controlled(record: Record) -> bool:
    """Whether a controller sets the rate, by the text of the strategy or by what was decided."""
    return is_controlled(record) or bool(record.decisions)


def share_of_run(record: Record, row: int) -> float:
    """Where a row lies in the updates of the run, from 0 to 1."""
    first, last = int(record.steps[0]), int(record.steps[-1])
    return (int(record.steps[row]) - first) / (last - first) if last > first else 0.0


def words_of_share(record: Record, row: int) -> str:
    """The same as a percentage."""
    return percent(share_of_run(record, row))
