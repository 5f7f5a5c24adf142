"""What of a record is drawn, and in which chart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ...lab.records.record import Record
from ...problems import Floats

SPARSE = 0.5  # of the rows: a column with a number in fewer of them is drawn from number to number


@dataclass(frozen=True)
class Panel:
    """A chart: its name in the page, its title, what it says, and whether its axis begins as a log one."""

    name: str
    title: str
    says: str
    log: bool = False
    stepped: bool = False


PANELS = (
    Panel("loss", "Loss", "Of each update's batch, and where the run was looked at, of the data named.", log=True),
    Panel("metrics", "Metrics", "Where the run was looked at."),
    Panel("rate", "Learning rate", "The rate that each update was made with, by parameter group.", stepped=True),
    Panel("knobs", "Other hyper-parameters", "Those that move.", stepped=True),
    Panel("norm", "Gradient norm", "The length of the whole gradient before any clip.", log=True),
    Panel("layers", "Gradient norm by layer", "Before any clip.", log=True),
    Panel("update", "Update ratio", "The length of an update over that of the weights; about 10⁻³ is usual.", log=True),
    Panel("clipped", "Clipped and skipped", "The share that a clip limited; 1 where an update was left out."),
    Panel("seconds", "Time of an update", "In seconds."),
    Panel("memory", "Device memory", "The most that the device held, in 10⁹ bytes."),
)


@dataclass(frozen=True, eq=False)
class Line:
    """A line of a chart: its panel, its name there, and its points; `looks` says that it has few, each worth a dot."""

    panel: str
    name: str
    steps: NDArray[np.int_]
    values: Floats
    looks: bool = False


def lines_of(record: Record) -> list[Line]:
    """The lines of a record, in the order of the panels."""
    found = [line for line in _lines(record) if np.isfinite(line.values).any()]
    places = {panel.name: i for i, panel in enumerate(PANELS)}
    return sorted(found, key=lambda line: places[line.panel])


def _lines(record: Record) -> Iterator[Line]:
    yield from _of_rows(record)
    at = np.array(record.measured_at or (), dtype=int)
    for name, column in (
        ("all training data", record.measured),
        ("validation", record.validated),
        ("test", record.tested),
    ):
        if column is not None:
            yield from _look("loss", name, at, column)
    for name, column in (record.metrics or {}).items():
        yield from _look("metrics", name, at, column)


def _look(panel: str, name: str, at: NDArray[np.int_], column: Floats) -> Iterator[Line]:
    there = np.isfinite(column)
    yield Line(panel, name, at[there], column[there], looks=True)


def _of_rows(record: Record) -> Iterator[Line]:
    """What has an entry for each row."""
    for panel, name, column in _columns(record):
        if column is None or not len(column):
            continue
        there = np.isfinite(column)
        if there.mean() < SPARSE:
            yield Line(panel, name, record.steps[there], column[there], looks=bool(there.sum() < 100))
        else:
            yield Line(panel, name, record.steps, column)


def _columns(record: Record) -> Iterator[tuple[str, str, Floats | None]]:
    yield "loss", "training", record.losses
    if record.group_rates:
        yield from (("rate", name, one) for name, one in record.group_rates.items())
    else:
        yield "rate", "rate", record.rates
    yield from (("knobs", name, one) for name, one in (record.knobs or {}).items())
    yield "norm", "gradient", record.grad_norms
    yield from (("layers", name, one) for name, one in (record.layers or {}).items())
    yield "update", "all weights", record.update_ratios
    yield from (("update", name, one) for name, one in (record.layer_updates or {}).items())
    yield "clipped", "clipped", record.clipped
    skipped = record.skipped
    yield "clipped", "skipped", skipped if skipped is not None and skipped.any() else None
    yield "seconds", "seconds", record.seconds
    yield "memory", "memory", None if record.memory is None else record.memory / 1e9
