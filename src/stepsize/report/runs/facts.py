"""The numbers of runs beside each other, as the page, the terminal and the picture tell them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ..._language import say
from ...lab.records.measures import called
from ...lab.records.record import Record
from ...problems import Floats
from ..templates import four_digits


def facts(record: Record) -> dict[str, str]:
    """What a record tells in a few numbers, by their names as they are said; what it does not have is left out."""
    return dict(_facts(record))


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    yield say("Updates"), of_planned(record.made, record)
    if not len(record):
        return
    losses = record.losses
    yield say("Loss, first"), four_digits(float(losses[0]))
    yield say("Loss, last"), four_digits(float(losses[-1]))
    if np.isfinite(losses).any():
        lowest = int(np.nanargmin(np.where(np.isfinite(losses), losses, np.nan)))
        yield say("Loss, lowest"), _at(losses[lowest], record.steps[lowest])
    broken = int((~np.isfinite(losses)).sum())
    if broken:
        yield say("Losses that are not finite"), f"{broken:,}"
    yield from _looks(record)
    yield from _rates(record)
    yield from _of_updates(record)
    yield say("Decisions"), f"{len(record.decisions) or sum(map(bool, record.why or ())):,}"


def of_planned(update: int, record: Record) -> str:
    """A number of updates, and of how many, where that is known."""
    if not record.planned_steps:
        return f"{update:,}"
    return say("{update:,} of {planned:,}", update=update, planned=record.planned_steps)


def _at(value: float, update: int) -> str:
    return say("{value} at {update:,}", value=four_digits(float(value)), update=int(update))


def _looks(record: Record) -> Iterator[tuple[str, str]]:
    at = record.measured_at or ()
    columns: dict[str, Floats | None] = {say("Validation loss"): record.validated, say("Test loss"): record.tested}
    for name, column in columns.items():
        if column is not None and np.isfinite(column).any():
            best = int(np.nanargmin(np.where(np.isfinite(column), column, np.nan)))
            yield say("{name}, last", name=name), _last(column, at)
            yield say("{name}, lowest", name=name), _at(column[best], at[best])
    for name, column in (record.metrics or {}).items():
        yield say("{name}, last", name=called(name)), _last(column, at)


def _last(column: Floats, at: Sequence[int]) -> str:
    """The last number; where the last look has none, as one at something else, with the update of the one that has."""
    there = np.flatnonzero(np.isfinite(column))
    if not len(there) or there[-1] == len(column) - 1:
        return four_digits(float(column[-1]))
    return _at(column[there[-1]], at[there[-1]])


def _rates(record: Record) -> Iterator[tuple[str, str]]:
    columns: dict[str, Floats | None] = {**record.group_rates} if record.group_rates else {"": record.rates}
    for name, column in columns.items():
        if column is not None and np.isfinite(column).any():
            label = say("Rate of {name}", name=name) if name else say("Rate")
            yield say("{name}, highest", name=label), four_digits(float(np.nanmax(column)))
            yield say("{name}, last", name=label), four_digits(float(column[-1]))


def _of_updates(record: Record) -> Iterator[tuple[str, str]]:
    medians: dict[str, Floats | None] = {
        say("Gradient norm, median"): record.grad_norms,
        say("Update ratio, median"): record.update_ratios,
        say("Seconds an update, median"): record.seconds,
    }
    for name, column in medians.items():
        if (middle := _median(column)) is not None:
            yield name, four_digits(middle)
    if record.clipped is not None:
        yield say("Updates that were clipped"), f"{float(np.mean(record.clipped > 0)):.0%}"
    if record.skipped is not None:
        yield say("Updates left out"), f"{int((record.skipped == 1).sum()):,}"
    if record.memory is not None and np.isfinite(record.memory).any():
        yield say("Device memory, most (GB)"), four_digits(float(np.nanmax(record.memory)) / 1e9)


def _median(column: Floats | None) -> float | None:
    there = np.empty(0) if column is None else column[np.isfinite(column)]
    return float(np.median(there)) if len(there) else None
