"""What of a record is drawn, and in which chart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..._language import later, now
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
        return replace(self, title=now(self.title), says=now(self.says))


PANELS = (
    Panel(
        "loss",
        later("Loss"),
        later("Of each update's batch, and where the run was looked at, of the data named."),
        log=True,
    ),
    Panel("metrics", later("Metrics"), later("Where the run was looked at.")),
    Panel(
        "rate",
        later("Learning rate"),
        later("The rate that each update was made with, by parameter group."),
        stepped=True,
    ),
    Panel("knobs", later("Other hyper-parameters"), later("Those that move."), stepped=True),
    Panel("norm", later("Gradient norm"), later("The length of the whole gradient before any clip."), log=True),
    Panel("layers", later("Gradient norm by layer"), later("Before any clip."), log=True),
    Panel(
        "update",
        later("Update ratio"),
        later("The length of an update over that of the weights; about 10⁻³ is usual."),
        log=True,
    ),
    Panel(
        "clipped",
        later("Clipped and skipped"),
        later("The share that a clip limited; 1 where an update was left out."),
    ),
    Panel("seconds", later("Time of an update"), later("In seconds.")),
    Panel("memory", later("Device memory"), later("The most that the device held, in 10⁹ bytes.")),
)


@dataclass(frozen=True, eq=False)
class Line:
    """A line of a chart: its panel, its name there, and its points; `looks` says that it has few, each worth a dot.

    A name of ours waits to be said; those of metrics, groups and layers are as they were logged.
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
        (later("all training data"), record.measured),
        (later("validation"), record.validated),
        (later("test"), record.tested),
    ):
        if column is not None:
            yield from _look("loss", name, at, column)
    for measure, column in (record.metrics or {}).items():
        yield from _look("metrics", measure, at, column)


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
    yield "loss", later("training"), record.losses
    if record.group_rates:
        yield from (("rate", name, one) for name, one in record.group_rates.items())
    else:
        yield "rate", later("rate"), record.rates
    yield from (("knobs", name, one) for name, one in (record.knobs or {}).items())
    yield "norm", later("gradient"), record.grad_norms
    yield from (("layers", name, one) for name, one in (record.layers or {}).items())
    yield "update", later("all weights"), record.update_ratios
    yield from (("update", name, one) for name, one in (record.layer_updates or {}).items())
    yield "clipped", later("clipped"), record.clipped
    skipped = record.skipped
    yield "clipped", later("skipped"), skipped if skipped is not None and skipped.any() else None
    yield "seconds", later("seconds"), record.seconds
    yield "memory", later("memory"), None if record.memory is None else record.memory / 1e9
