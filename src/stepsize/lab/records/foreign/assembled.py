"""Rows of any log as one record: which column is which quantity, and one number of each for every update."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...._errors import StepsizeError
from ...._language import either, say
from ....problems import Floats
from ....text import as_descent
from ..policy import policy_of
from ..record import Record
from . import names
from .cells import Column, column
from .clock import LONGEST_RUN, NONE, Clock, clock, counted
from .gaps import fillers_of, looked
from .rows import Rows, listed
from .series import OFTEN, losses_of, series_of
from .wanted import Wanted

STRICT = ("loss", "step", "rate", "grad_norm", "clipped", "slope", "end_slope", "validated")  # a word is an error here


@dataclass
class Log:
    """Rows with what their columns are: the first steps of every question about a log."""

    rows: Rows
    file: Path

    def __post_init__(self) -> None:
        self._read: dict[tuple[str, ...], Column] = {}

    def column(self, *columns: str) -> Column:
        """The numbers of a column, or the sum of several."""
        if columns not in self._read:
            self._read[columns] = column(self.rows.rows, columns, self.rows.comma)
        return self._read[columns]

    def checked(self, columns: tuple[str, ...]) -> Column:
        """The same; a word where a number belongs is an error that names its line."""
        found = self.column(*columns)
        if found.bad is not None:
            row, cell = found.bad
            place = self.rows.places[row]
            where = say("row {row}", row=row + 1)
            raise StepsizeError(
                say(
                    "{file}: {where} has {cell!r} under {column}, which is not a number: leave the cell empty where "
                    "nothing was logged",
                    file=self.file,
                    where=say("line {line}, {row}", line=place, row=where) if place else where,
                    cell=str(cell)[:30],
                    column="+".join(columns),
                )
            )
        return found

    def named(self, wanted: str, option: str) -> tuple[str, ...]:
        """The columns that were asked for, or an error with the nearest names."""
        found = names.chosen(self.rows.columns, wanted)
        if not found:
            near = names.near(self.rows.columns, wanted)
            none = say("{file} has no column {name!r} for --{option}", file=self.file, name=wanted, option=option)
            if near:
                raise StepsizeError(say("{none}: did you mean {columns}?", none=none, columns=listed(near)))
            raise StepsizeError(say("{none}: it has {columns}", none=none, columns=listed(self.rows.columns)))
        return tuple(found)


def record_of(rows: Rows, file: Path, wanted: Wanted) -> tuple[Record, list[str]]:
    """The record of the rows of one run, and what to say of them."""
    log, said = Log(rows, file), [*rows.notes]
    columns = _columns(log, wanted, said)
    loss = log.checked(columns["loss"])
    fillers = fillers_of(log, columns, loss)
    has_loss = loss.there & ~fillers
    if not has_loss.any():
        name = "+".join(columns["loss"])
        raise StepsizeError(say("{file} has a column {name} without a number in it", file=file, name=name))
    time = _clock(log, columns, wanted, loss, has_loss, said)
    steps, losses = losses_of(loss, has_loss, time, said)
    series = {what: series_of(log.checked(one) if what in STRICT else log.column(*one), time)
              for what, one in columns.items() if what not in ("loss", "step", "validated")}  # fmt: skip
    by_name = {"layers": names.layers_of, "group_rates": names.groups_of, "knobs": names.knobs_of}
    several: dict[str, Any] = {field: _several(log, found(rows.columns), time, steps, field == "group_rates")
                               for field, found in by_name.items()}  # fmt: skip
    if several["group_rates"] is not None and len(several["group_rates"]) < 2:
        several["group_rates"] = None
    rates = series.pop("rate", None)
    skipped = _flags(series.pop("skipped").at(steps)) if "skipped" in series else None
    single: dict[str, Any] = {FIELDS[what]: one.at(steps) for what, one in series.items() if len(one.updates)}
    record = Record(
        steps=steps.astype(int),
        losses=losses,
        rates=None if rates is None or not len(rates.updates) else rates.held(steps),
        skipped=skipped,
        planned_steps=None if time.again else _planned(rows),
        text=_strategy(rows),
        source=str(file),
        policy=policy_of(rows.columns),
        **single,
        **several,
        **_looks(log, columns, loss, fillers, time, steps),
    )
    return record, [say("{name}: {line}", name=file, line=one) for one in said]


FIELDS = {
    "grad_norm": "grad_norms",
    "clipped": "clipped",
    "slope": "slopes",
    "end_slope": "end_slopes",
    "update_norm": "update_norms",
    "weight_norm": "weight_norms",
    "seconds": "seconds",
}


def _columns(log: Log, wanted: Wanted, said: list[str]) -> dict[str, tuple[str, ...]]:
    """The columns of each quantity, the loss among them for certain."""
    columns = log.rows.columns
    found: dict[str, tuple[str, ...]] = {what: (one,) for what, one in names.of(columns).items()}
    found["loss"] = _loss(log, wanted, said)
    if len(found["loss"]) > 1 and "validated" not in found:
        parts = tuple(one for one in columns if (it := names.told(one)).base in names.PARTS and it.part == "look")
        found |= {"validated": parts} if parts else {}
    if wanted.lr is not None:
        found["rate"] = log.named(wanted.lr, "lr")
    for what in ("step", *(what for what, one in found.items() if what != "loss" and set(one) & set(found["loss"]))):
        found.pop(what, None)
    time = found.get("seconds")
    if time and _rises(log.column(*time)):
        del found["seconds"]  # the time since the start
    return found


def _loss(log: Log, wanted: Wanted, said: list[str]) -> tuple[str, ...]:
    columns = log.rows.columns
    if wanted.loss is not None:
        return log.named(wanted.loss, "loss")
    called = names.called(columns, "loss")
    if called:
        return (next((one for one in called if log.column(one).there.any() or log.column(one).bad), called[0]),)
    parts = [one for one in columns if (it := names.told(one)).base in names.PARTS and it.part == "train"]
    if {"box_loss", "cls_loss"} <= {names.told(one).base for one in parts}:
        said.append(say("the loss is the sum of {columns}; --loss names another", columns=listed(parts)))
        return tuple(parts)
    if {one.strip().lower() for one in columns} == {"wall time", "step", "value"}:
        return _of_tag(log)
    near = names.near(columns, "loss")
    raise StepsizeError(
        say(
            "{file} has no column for the loss, only {columns}: {instead}{tried}",
            file=log.file,
            columns=listed(columns),
            instead=say("did you mean --loss {names}?", names=either(map(repr, near)))
            if near
            else say("name it loss (and step, lr, grad_norm), or write --loss COLUMN"),
            tried=say(" ({told})", told=log.rows.tried) if log.rows.tried else "",
        )
    )


def _of_tag(log: Log) -> tuple[str, ...]:
    """The values of a CSV that TensorBoard downloaded; its name tells what they are."""
    value = next(one for one in log.rows.columns if one.strip().lower() == "value")
    _, tagged, tag = log.file.name.partition("tag-")
    plain = tag.partition(".")[0]
    it = names.told(plain.replace("_", "/", 1) if names.told(plain).base not in names.NAMES["loss"] else plain)
    if tagged and not (it.base in names.NAMES["loss"] and it.part != "look"):
        raise StepsizeError(
            say(
                "{file} holds {what!r} by its name, not the loss: name the file of the loss, or write --loss {value}",
                file=log.file,
                what=plain,
                value=value,
            )
        )
    return (value,)


def _rises(time: Column) -> bool:
    values = time.values[time.finite]
    return len(values) > 2 and bool((np.diff(values) > 0).all())


def _clock(
    log: Log,
    columns: dict[str, tuple[str, ...]],
    wanted: Wanted,
    loss: Column,
    has_loss: NDArray[np.bool_],
    said: list[str],
) -> Clock:
    """Which update each row belongs to, and what to say where the steps leave it open."""
    name = log.named(wanted.step, "step")[0] if wanted.step is not None else _step(log, has_loss)
    if name is None:
        return counted(has_loss)
    step = log.checked((name,))
    epochs = names.epochs(log.rows.columns)
    if wanted.step is None and name == epochs and _repeats(step, has_loss):
        return counted(has_loss)  # batches that say their epoch alone
    epoch = log.column(epochs) if epochs is not None and epochs != name else None
    batches = log.column("batches") if "batches" in log.rows.columns else None
    time = clock(step, epoch, batches, loss, has_loss)
    if not (has_loss & (time.updates != NONE)).any():
        raise StepsizeError(
            say(
                "{file} has a column {name} without a number beside a loss: write --step COLUMN",
                file=log.file,
                name=name,
            )
        )
    if time.anew:
        said.append(say("the run begins anew at {place}: what stands above is left out", place=_place(log, time.anew)))
    elif 0 < len(time.again) <= 2 and names.told(name).base not in ("batch", "batch_idx", "batch_index"):
        place = _place(log, time.again[0])
        said.append(say("{name} begins again at {place}: taken as one run that goes on", name=name, place=place))
    return time


def _place(log: Log, row: int) -> str:
    line = log.rows.places[row]
    return say("line {line}", line=line) if line else say("row {row}", row=row + 1)


def _step(log: Log, has_loss: NDArray[np.bool_]) -> str | None:
    """The column that names the update: the surest that has numbers beside most losses, and not always the same."""
    least = max(1, int(has_loss.sum()) // 2)
    for name in names.called(log.rows.columns, "step"):
        told = log.column(name)
        if told.bad is not None:
            log.checked((name,))
        there = told.values[told.finite & has_loss]
        if len(there) >= least and (len(there) == 1 or (there != there[0]).any()):
            return name
    return None


def _repeats(step: Column, has_loss: NDArray[np.bool_]) -> bool:
    values = step.values[step.finite & has_loss]
    return len(values) > 3 and bool((np.diff(values) == 0).mean() >= OFTEN)


def _several(
    log: Log, columns: dict[str, str], time: Clock, steps: NDArray[np.int64], held: bool
) -> dict[str, Floats] | None:
    """Columns by their names, those that hold a number."""
    found = {name: series_of(log.column(one), time) for name, one in columns.items()}
    return {name: one.held(steps) if held else one.at(steps) for name, one in found.items() if len(one.updates)} or None


def _looks(
    log: Log,
    columns: dict[str, tuple[str, ...]],
    loss: Column,
    fillers: NDArray[np.bool_],
    time: Clock,
    steps: NDArray[np.int64],
) -> dict[str, Any]:
    """The losses and the measures on other data: where they were taken, and what they were."""
    own, others = names.measures_of(log.rows.columns)
    validated = (
        series_of(looked(log.checked(columns["validated"]), loss, fillers), time) if "validated" in columns else None
    )
    if validated is not None and not len(validated.updates):
        validated = None
    measures = {name: series_of(_there(log.column(one)), time) for name, one in own.items()}
    beside = {name: log.column(one) for name, one in others.items()}
    if validated is None and not any(len(one.updates) for one in measures.values()):
        beside = {name: one for name, one in beside.items() if not (one.finite & loss.finite).any()}
    measures |= {name: series_of(_there(one), time) for name, one in beside.items()}
    measures = {name: one for name, one in measures.items() if len(one.updates)}
    if validated is None and not measures:
        return {}
    at = (
        validated.updates
        if validated is not None
        else np.unique(np.concatenate([o.updates for o in measures.values()]))
    )
    metrics = {name: one.at(at) for name, one in measures.items()}
    metrics = {name: one for name, one in metrics.items() if np.isfinite(one).any()}
    return {
        "measured_at": tuple(at.tolist()),
        "validated": None if validated is None else validated.values,
        "metrics": metrics or None,
    }


def _there(one: Column) -> Column:
    return Column(one.values, one.finite)


def _flags(values: Floats) -> Floats | None:
    """A column of 0 and 1, 0 where it says nothing; None where it holds anything else, as a count."""
    if not np.isin(values[np.isfinite(values)], (0.0, 1.0)).all():
        return None
    return np.where(values == 1, 1.0, 0.0)


def _planned(rows: Rows) -> int | None:
    """The updates planned, where the file says so: the last `planned_steps`, or what its family found."""
    planned: Any = _last(rows, "planned_steps", rows.planned)
    if isinstance(planned, str) and planned.strip().isdecimal() and len(planned) < 20:
        planned = int(planned)
    return planned if type(planned) is int and 0 < planned <= LONGEST_RUN else None


def _last(rows: Rows, name: str, otherwise: Any) -> Any:
    told: Iterable[Any] = (row[name] for row in reversed(rows.rows) if row.get(name))
    return next(iter(told), otherwise) if name in rows.columns else otherwise


def _strategy(rows: Rows) -> str | None:
    """The strategy, where a row says it as a Recorder does."""
    told = next((row["strategy"] for row in rows.rows if isinstance(row.get("strategy"), str)), None)
    try:
        return None if told is None else str(as_descent(told))
    except StepsizeError:
        return None
