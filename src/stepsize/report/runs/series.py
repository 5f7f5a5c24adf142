"""What of a record is drawn, and in which chart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..._language import Note, heard
from ...lab.records.measures import called
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

    def now(self) -> Panel:
        """The same in the language that is spoken."""
        return replace(self, title=heard(self.title), says=heard(self.says))


PANELS = (
    Panel(
        "loss",
        Note("Loss"),
        Note("Of each update's batch, and where the run was looked at, of the data named."),
        log=True,
    ),
    Panel("metrics", Note("Metrics"), Note("Where the run was looked at.")),
    Panel(
        "rate",
        Note("Learning rate"),
        Note("The rate that each update was made with, by parameter group."),
        stepped=True,
    ),
    Panel("knobs", Note("Other hyper-parameters"), Note("Those that move."), stepped=True),
    Panel("norm", Note("Gradient norm"), Note("The length of the whole gradient before any clip."), log=True),
    Panel("layers", Note("Gradient norm by layer"), Note("Before any clip."), log=True),
    Panel(
        "update",
        Note("Update ratio"),
        Note("The length of an update over that of the weights; about 10⁻³ is usual."),
        log=True,
    ),
    Panel(
        "clipped",
        Note("Clipped and skipped"),
        Note("The share that a clip limited; 1 where an update was left out."),
    ),
    Panel("seconds", Note("Time of an update"), Note("In seconds.")),
    Panel("memory", Note("Device memory"), Note("The most that the device held, in 10⁹ bytes.")),
)


@dataclass(frozen=True, eq=False)
class Line:
    """A line of a chart: its panel, its name there, and its points; `looks` says that it has few, each worth a dot.

    A name of ours waits to be said; those of groups, layers and other metrics are as they were logged.
    """

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
        (Note("all training data"), record.measured),
        (Note("validation"), record.validated),
        (Note("test"), record.tested),
    ):
        if column is not None:
            yield from _look("loss", name, at, column)
    for measure, column in (record.metrics or {}).items():
        yield from _look("metrics", called(measure), at, column)


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
    yield "loss", Note("training"), record.losses
    if record.group_rates:
        yield from (("rate", name, one) for name, one in record.group_rates.items())
    else:
        yield "rate", Note("rate"), record.rates
    yield from (("knobs", name, one) for name, one in (record.knobs or {}).items())
    yield "norm", Note("gradient"), record.grad_norms
    yield from (("layers", name, one) for name, one in (record.layers or {}).items())
    yield "update", Note("all weights"), record.update_ratios
    yield from (("update", name, one) for name, one in (record.layer_updates or {}).items())
    yield "clipped", Note("clipped"), record.clipped
    skipped = record.skipped
    yield "clipped", Note("skipped"), skipped if skipped is not None and skipped.any() else None
    yield "seconds", Note("seconds"), record.seconds
    yield "memory", Note("memory"), None if record.memory is None else record.memory / 1e9
