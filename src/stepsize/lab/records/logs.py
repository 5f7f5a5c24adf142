"""Logs of other loops as records: CSV, JSON lines, transformers' trainer_state.json, Lightning's metrics.csv."""

from __future__ import annotations

import csv
import io
import json
import math
import warnings
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from ..._errors import StepsizeError
from ...course.log import Lines, left_out, lines_in
from ...problems import Floats
from ...text import as_descent
from .lines import KIND, from_rows
from .policy import policy_of
from .record import Record
from .recording import from_recording, is_recording

# the names that loops give to a column, the surest first; case, spaces and a leading "train/" do not matter
NAMES = {
    "step": ("step", "global_step", "trainer/global_step", "iteration", "iter", "update", "batch", "epoch"),
    "loss": ("loss", "train_loss", "training_loss", "train_loss_step", "loss_step", "batch_loss", "train_loss_epoch"),
    "rate": ("lr", "learning_rate", "rate"),
    "grad_norm": ("grad_norm", "gnorm", "gradient_norm", "total_norm", "grad_norm_step", "grad_2.0_norm_total"),
    "clipped": ("clipped",),
    "skipped": ("skipped",),
    "slope": ("slope",),
    "end_slope": ("end_slope",),
    "validated": ("val_loss", "eval_loss", "validation_loss", "valid_loss", "test_loss"),
}
LAYER = "grad_norm/"  # begins the column of one layer's gradient norm
MOST_SHOWN = 12
LONGEST_RUN = 2**53  # updates; what counts more is no count
BAD = "\ufffd"  # stands for bytes that are no text
MOSTLY = 0.1  # of the characters: with more that are none it is no text
_EMPTY = ("", "null", "none", "na", "n/a", "-")


def read_log(file: Path) -> Record:
    """The record of a file, whoever wrote it: `Record.save`, a `Recorder`, or another loop."""
    content = _content(file)
    lines = lines_in(content)
    if lines.rows and lines.rows[0].get("kind") == KIND:
        record, said = _saved(lines, file)
    elif is_recording(lines):
        record, damaged = from_recording(lines, str(file))
        said = [left_out(file, damaged)]
    else:
        text = _text(content, lines, file)
        rows, damaged = _objects(text, lines)
        if not rows:
            text, damaged = _readable(text)
        record, said = from_log(text, rows, file), [left_out(file, damaged)]
    for told in filter(None, said):
        warnings.warn(told, stacklevel=3)
    return record


def _saved(lines: Lines, file: Path) -> tuple[Record, list[str]]:
    """What is left of a file of `Record.save`, and what to say where that is not all."""
    found = from_rows(lines, str(file))
    if found is None:
        raise StepsizeError(f"{file} is damaged or of another version of stepsize: save the run again")
    record, damaged, rows = found
    lost = rows - len(record) - len(damaged)
    cut = f"{file} holds {len(record)} of its {rows} rows: it was cut off" if lost > 0 else ""
    return record, [left_out(file, damaged), cut]


def _content(file: Path) -> bytes:
    """The bytes of a file; what cannot be read is an error in one line."""
    if file.is_dir():
        raise StepsizeError(f"{file} is a folder: name one file, such as one of run.save(…), a CSV or a JSON lines log")
    if not file.exists():
        raise StepsizeError(f"there is no file {file}: name a file of run.save(…), a CSV or a JSON lines log")
    if not file.is_file():  # a pipe or a device may have no end
        raise StepsizeError(f"{file} is no ordinary file: write the log into one and name that")
    try:
        return file.read_bytes()
    except OSError as error:
        raise StepsizeError(f"{file} cannot be read: {error.strerror or error}") from None


def _text(content: bytes, lines: Lines, file: Path) -> str:
    """The file as text, with a mark for bytes that are none; a file that is no text at all is an error."""
    text = content.decode("utf-8-sig", errors="replace").replace("\0", BAD)
    if not text.strip():
        raise StepsizeError(f"{file} is empty: a record has a row for each update that was logged")
    if not lines.rows and text.count(BAD) > MOSTLY * len(text):
        raise StepsizeError(f"{file} is not a text file: name a file of run.save(…), a CSV or a JSON lines log")
    return text


def _readable(text: str) -> tuple[str, tuple[int, ...]]:
    """The text without the lines that have bytes of no text in them, and their numbers; the first has the names."""
    if BAD not in text:
        return text, ()
    lines = text.split("\n")
    damaged = {place for place, line in enumerate(lines[1:], start=2) if BAD in line}
    return "\n".join(one for place, one in enumerate(lines, start=1) if place not in damaged), tuple(damaged)


def _objects(text: str, lines: Lines) -> tuple[list[dict[str, Any]], tuple[int, ...]]:
    """The objects of `log_history`, of a JSON list, or of JSON lines with the lines that are none."""
    whole = _json(text)
    if isinstance(whole, dict) and isinstance(whole.get("log_history"), list):
        return [one for one in whole["log_history"] if isinstance(one, dict)], ()
    if isinstance(whole, (dict, list)):
        return [one for one in (whole if isinstance(whole, list) else [whole]) if isinstance(one, dict)], ()
    # JSON lines are mostly that; a text that has some is not
    return (list(lines.rows), lines.damaged) if len(lines.rows) > len(lines.damaged) else ([], ())


def from_log(text: str, rows: list[dict[str, Any]], file: Path) -> Record:
    """The record of a log that is not ours; `rows` are its objects where it is JSON."""
    rows = rows or _csv_rows(text, file)
    columns = list(dict.fromkeys(str(name) for row in rows for name in row))
    named = {what: _column(columns, what) for what in NAMES}
    if named["loss"] is None:
        raise StepsizeError(
            f"{file} has no column for the loss, only {_listed(columns)}: name it loss (and step, lr, grad_norm)"
        )
    layers = [one for one in columns if _normal(one).startswith(LAYER)]
    merged = _by_step(rows, named | {one: one for one in layers}, file)
    kept = sorted(step for step, cells in merged.items() if "loss" in cells)
    if not kept:
        raise StepsizeError(f"{file} has a column {named['loss']} without a number in it")
    series = {what: _series(merged, kept, what) for what in ("loss", "rate", "grad_norm", "clipped", "slope")}
    ends = _series(merged, kept, "end_slope")
    losses = series["loss"]
    checked = sorted(step for step, cells in merged.items() if "validated" in cells)
    validated = np.array([merged[step]["validated"] for step in checked]) if checked else None
    assert losses is not None
    return Record(
        steps=np.array(kept, dtype=int),
        losses=losses,
        rates=series["rate"],
        grad_norms=series["grad_norm"],
        clipped=series["clipped"],
        skipped=_flags(_series(merged, kept, "skipped")),
        slopes=series["slope"],
        end_slopes=ends,
        layers=_layers(merged, kept, layers),
        planned_steps=_planned(text, rows),
        measured_at=tuple(checked) if checked else None,
        validated=validated,
        text=_strategy(rows),
        source=str(file),
        policy=policy_of(columns),
    )


def _csv_rows(text: str, file: Path) -> list[dict[str, Any]]:
    first = text.split("\n", 1)[0]
    mark = max((",", ";", "\t"), key=first.count)
    try:
        rows = list(csv.DictReader(io.StringIO(text, newline=""), delimiter=mark, restkey="", skipinitialspace=True))
    except csv.Error as error:
        raise StepsizeError(f"{file} cannot be read as CSV: {error}") from None
    if not rows:
        raise StepsizeError(f"{file} has no rows: a record has a header and a row for each update that was logged")
    return [{str(name): cell for name, cell in row.items() if name} for row in rows]


def _column(columns: list[str], what: str) -> str | None:
    """The column that holds this quantity, by its name."""
    plain = {_normal(one): one for one in reversed(columns)}
    for name in NAMES[what]:
        for form in (name, f"train/{name}", f"train_{name}", f"training/{name}"):
            if form in plain:
                return plain[form]
    if what == "rate":  # Lightning's monitor names the optimizer: lr-SGD, lr-Adam/pg1
        return next((one for one in columns if _normal(one).startswith(("lr-", "lr/"))), None)
    if what == "validated":
        return next((one for one in columns if _normal(one) in ("val/loss", "eval/loss", "validation/loss")), None)
    return None


def _normal(name: str) -> str:
    return name.strip().lower().replace(" ", "_")


def _by_step(rows: list[dict[str, Any]], named: dict[str, str | None], file: Path) -> dict[int, dict[str, float]]:
    """The numbers by update; rows of one update are one, the last number of each kind counts.

    Without a column of steps every row with a loss is one update.
    """
    merged: dict[int, dict[str, float]] = {}
    counted, restarts = 0, _restarts([row.get(named["step"]) for row in rows]) if named["step"] else False
    for place, row in enumerate(rows, start=1):
        if all(row.get(name) == name for name in named.values() if name is not None):
            continue  # a resumed run wrote the header again
        cells = {what: _number(row.get(name), name, place, file) for what, name in named.items() if name is not None}
        there = {what: one for what, one in cells.items() if one is not None}
        step = float(place - 1) if restarts else there.pop("step", None)
        if named["step"] is None:
            step, counted = counted, counted + ("loss" in there)
        if step is None or not math.isfinite(step) or abs(step) > LONGEST_RUN:
            continue
        if "validated" in there and not math.isfinite(there.get("loss", 0.0)):
            there.pop("loss")  # pandas writes NaN for what a row does not have
        kept = merged.setdefault(int(step), {})
        kept.update({what: one for what, one in there.items() if math.isfinite(one) or what not in kept})
    return merged


def _restarts(cells: list[Any]) -> bool:
    """Whether the column counts within epochs, or in parts of one, and so does not name an update."""
    try:
        steps = [float(one) for one in cells if one not in (None, "")]
    except (TypeError, ValueError, OverflowError):
        return False
    again = sum(b < a and b == steps[0] for a, b in pairwise(steps))
    return again > 0 or any(one % 1 for one in steps if math.isfinite(one))


def _number(cell: Any, name: str, place: int, file: Path) -> float | None:
    """The number of a cell; None where it is empty."""
    if cell is None or (isinstance(cell, str) and cell.strip().lower() in _EMPTY):
        return None
    if isinstance(cell, bool):
        return float(cell)
    try:
        return float(cell)
    except (TypeError, ValueError, OverflowError):
        raise StepsizeError(
            f"{file}: row {place} has {str(cell)[:30]!r} under {name}, which is not a number: "
            "leave the cell empty where nothing was logged"
        ) from None


def _series(merged: dict[int, dict[str, float]], kept: list[int], what: str) -> Floats | None:
    """One column over the rows that have a loss; a rate holds until the next one is logged."""
    if not any(what in cells for cells in merged.values()):
        return None
    if what != "rate":
        return np.array([merged[step].get(what, math.nan) for step in kept], dtype=float)
    known = sorted(step for step, cells in merged.items() if "rate" in cells)
    places = np.searchsorted(known, kept, side="right") - 1
    return np.array([merged[known[max(0, int(i))]]["rate"] for i in places], dtype=float)


def _flags(column: Floats | None) -> Floats | None:
    """A column of 0 and 1, 0 where it says nothing; None where it holds anything else, as a count."""
    if column is None or not np.isin(column[np.isfinite(column)], (0.0, 1.0)).all():
        return None
    return np.where(column == 1, 1.0, 0.0)


def _layers(merged: dict[int, dict[str, float]], kept: list[int], columns: list[str]) -> dict[str, Floats] | None:
    """The gradient norms by layer, where they were logged."""
    found = {one.strip()[len(LAYER) :]: _series(merged, kept, one) for one in columns}
    return {name: one for name, one in found.items() if one is not None} or None


def _planned(text: str, rows: list[dict[str, Any]]) -> int | None:
    """The updates planned, where the file says so: `max_steps` of transformers, or the last `planned_steps`."""
    whole = _json(text)
    told = (row["planned_steps"] for row in reversed(rows) if row.get("planned_steps"))
    planned = next(told, whole.get("max_steps") if isinstance(whole, dict) else None)
    if isinstance(planned, str) and planned.strip().isdecimal() and len(planned) < 20:
        planned = int(planned)
    return planned if type(planned) is int and 0 < planned <= LONGEST_RUN else None


def _strategy(rows: list[dict[str, Any]]) -> str | None:
    """The strategy, where a row says it as a Recorder does."""
    told = next((row["strategy"] for row in rows if isinstance(row.get("strategy"), str)), None)
    try:
        return None if told is None else str(as_descent(told))
    except StepsizeError:
        return None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _listed(columns: list[str]) -> str:
    more = f" and {len(columns) - MOST_SHOWN} more" if len(columns) > MOST_SHOWN else ""
    return ", ".join(repr(one[:40]) for one in columns[:MOST_SHOWN]) + more
