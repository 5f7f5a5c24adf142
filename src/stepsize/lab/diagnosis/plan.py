"""What the text of a record plans: of a whole strategy, of a rate, or of the factor that a `Scheduler` follows."""

from __future__ import annotations

import numpy as np

from ..._errors import StepsizeError
from ...descents import descent
from ...schedules.base import Factor
from ...schedules.rate import rate
from ...text import as_descent, parse
from ..records.record import Record

LOOKED_AT = 201  # updates of a plan


def is_controlled(record: Record) -> bool:
    """Whether a controller sets the rate, by the text."""
    found = _planned(record)
    return found is not None and bool(found[1].controllers)


def rates_at(record: Record, updates: list[int]) -> list[float] | None:
    """What the text plans for updates, where every controller answers 1; None where it does not tell.

    These are rates, or, where the text is a factor alone, shares of the rate that the optimizer was made with.
    """
    found = _planned(record)
    if found is None or not record.planned_steps:
        return None
    base, factor = found
    ones = tuple(1.0 for _ in factor.controllers)
    try:
        whole = factor.over(record.planned_steps)
        return [(1.0 if base is None else base) * float(whole.with_control(t, ones)) for t in updates]
    except (StepsizeError, OverflowError):
        return None


def planned_peak(record: Record) -> float:
    """The highest rate that the text plans; 0 where it does not tell."""
    if not record.planned_steps:
        return 0.0
    places = np.linspace(0, record.planned_steps - 1, LOOKED_AT).astype(int).tolist()
    planned = rates_at(record, [*places, *map(int, record.steps[-1:])])
    if planned is None:
        return 0.0
    return max(planned[:LOOKED_AT]) * _scale(record, planned[LOOKED_AT:])


def _scale(record: Record, planned: list[float]) -> float:
    """What the text of a factor leaves open: the rate of the optimizer, by the last row; else 1."""
    found = _planned(record)
    if found is None or found[0] is not None or record.rates is None or not planned or not planned[0] > 0:
        return 1.0
    last = float(record.rates[-1])
    return last / planned[0] if np.isfinite(last) else 1.0


def _planned(record: Record) -> tuple[float | None, Factor] | None:
    """The base rate (None where a factor stands alone) and the factor."""
    if record.text is None:
        return None
    try:
        found = parse(record.text)
        if isinstance(found, descent):
            found = as_descent(found).rate
    except StepsizeError:
        return None
    if isinstance(found, rate):
        return found.base, found.factor
    return (None, found) if isinstance(found, Factor) else None
