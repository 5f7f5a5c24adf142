"""The numbers of runs beside each other, as the page, the terminal and the picture tell them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from ...lab.records.record import Record
from ...problems import Floats
from ..templates import four_digits


def facts(record: Record) -> dict[str, str]:
    """What a record tells in a few numbers, by their names; those that it does not have are left out."""
    return dict(_facts(record))


def _facts(record: Record) -> Iterator[tuple[str, str]]:
    planned = f" of {record.planned_steps:,}" if record.planned_steps else ""
    yield "Updates", f"{record.made:,}{planned}"
    if not len(record):
        return
    losses = record.losses
    yield "Loss, first", four_digits(float(losses[0]))
    yield "Loss, last", four_digits(float(losses[-1]))
    if np.isfinite(losses).any():
        lowest = int(np.nanargmin(np.where(np.isfinite(losses), losses, np.nan)))
        yield "Loss, lowest", f"{four_digits(float(losses[lowest]))} at {int(record.steps[lowest]):,}"
    broken = int((~np.isfinite(losses)).sum())
    if broken:
        yield "Losses that are not finite", f"{broken:,}"
    yield from _looks(record)
    yield from _rates(record)
    yield from _of_updates(record)
    yield "Decisions", f"{len(record.decisions) or sum(map(bool, record.why or ())):,}"


def _looks(record: Record) -> Iterator[tuple[str, str]]:
    at = record.measured_at or ()
    columns: dict[str, Floats | None] = {"Validation loss": record.validated, "Test loss": record.tested}
    for name, column in columns.items():
        if column is not None and np.isfinite(column).any():
            best = int(np.nanargmin(np.where(np.isfinite(column), column, np.nan)))
            yield f"{name}, last", _last(column, at)
            yield f"{name}, lowest", f"{four_digits(float(column[best]))} at {at[best]:,}"
    for name, column in (record.metrics or {}).items():
        yield f"{name}, last", _last(column, at)


def _last(column: Floats, at: Sequence[int]) -> str:
    """The last number; where the last look has none, as one at something else, with the update of the one that has."""
    there = np.flatnonzero(np.isfinite(column))
    if not len(there) or there[-1] == len(column) - 1:
        return four_digits(float(column[-1]))
    return f"{four_digits(float(column[there[-1]]))} at {at[there[-1]]:,}"


def _rates(record: Record) -> Iterator[tuple[str, str]]:
    columns: dict[str, Floats | None] = {**record.group_rates} if record.group_rates else {"": record.rates}
    for name, column in columns.items():
        if column is not None and np.isfinite(column).any():
            label = f"Rate of {name}" if name else "Rate"
            yield f"{label}, highest", four_digits(float(np.nanmax(column)))
            yield f"{label}, last", four_digits(float(column[-1]))


def _of_updates(record: Record) -> Iterator[tuple[str, str]]:
    medians: dict[str, Floats | None] = {
        "Gradient norm, median": record.grad_norms,
        "Update ratio, median": record.update_ratios,
        "Seconds an update, median": record.seconds,
    }
    for name, column in medians.items():
        if (middle := _median(column)) is not None:
            yield name, four_digits(middle)
    if record.clipped is not None:
        yield "Updates that were clipped", f"{float(np.mean(record.clipped > 0)):.0%}"
    if record.skipped is not None:
        yield "Updates left out", f"{int((record.skipped == 1).sum()):,}"
    if record.memory is not None and np.isfinite(record.memory).any():
        yield "Device memory, most (GB)", four_digits(float(np.nanmax(record.memory)) / 1e9)


def _median(column: Floats | None) -> float | None:
    there = np.empty(0) if column is None else column[np.isfinite(column)]
    return float(np.median(there)) if len(there) else None
