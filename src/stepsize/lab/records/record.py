"""The record of a run: its series, one row for each update that was logged, and a file of JSON lines for them."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._errors import StepsizeError
from ...problems import Floats

KIND = "stepsize run"
SERIES = {
    "loss": "losses",
    "rate": "rates",
    "grad_norm": "grad_norms",
    "clipped": "clipped",
    "slope": "slopes",
    "end_slope": "end_slopes",
}


@dataclass(frozen=True, eq=False)
class Record:
    """What was written down of a run, by stepsize or by any other training loop.

    Row i belongs to update `steps[i]`, which rise but may leave gaps; every row has a loss, and a loss that is not
    finite is one of a run that broke. A column that was not logged is None, a single missing number is NaN. `slopes`,
    `end_slopes` and `layers` are those of `Run`. `text` is the strategy, `base` its base rate, `planned_steps` how
    many updates were asked for, `diverged` is None where nobody said. `source` names the file.
    """

    steps: NDArray[np.int_]
    losses: Floats
    rates: Floats | None = None
    grad_norms: Floats | None = None
    clipped: Floats | None = None
    why: tuple[str, ...] | None = None
    slopes: Floats | None = None
    end_slopes: Floats | None = None
    layers: dict[str, Floats] | None = None
    text: str | None = None
    base: float | None = None
    planned_steps: int | None = None
    diverged: bool | None = None
    measured_at: tuple[int, ...] | None = None
    measured: Floats | None = None
    validated: Floats | None = None
    source: str = ""

    def __post_init__(self) -> None:
        for name in SERIES.values():
            self._check(name, getattr(self, name))
        for name, one in (self.layers or {}).items():
            self._check(f"layers[{name!r}]", one)

    def _check(self, name: str, column: Floats | None) -> None:
        if column is not None and len(column) != len(self.steps):
            raise StepsizeError(f"Record: {name} must have {len(self.steps)} entries like steps, not {len(column)}")

    def __len__(self) -> int:
        return len(self.steps)

    @property
    def alphas(self) -> Floats | None:
        """Where each update lands on its parabola: −1 at the start, 0 on the floor, 1 as high on the other side.

        Formula: α = −⟨g', Δ⟩/⟨g, Δ⟩, from the slopes at both ends of the update. It is −1 where the slope grew on the
        way (no parabola opens upwards) and NaN where the update did not go downhill. Source: Schneider, Dangel, Hennig
        2021, Cockpit (arXiv 2102.06604), which also weighs both losses by their variances over the batch.
        """
        if self.slopes is None or self.end_slopes is None:
            return None
        with np.errstate(all="ignore"):
            found = -self.end_slopes / self.slopes
        ok = (self.slopes > 0) & np.isfinite(found)
        return np.where(ok, np.maximum(found, -1.0), np.nan)

    def until(self, end: int) -> Record:
        """The first `end` rows."""
        return self.at(np.arange(len(self)) < end)

    def at(self, rows: NDArray[np.bool_]) -> Record:
        """The rows where this is true."""
        cut: dict[str, Any] = {"steps": self.steps[rows]}
        for name in SERIES.values():
            column = getattr(self, name)
            cut[name] = None if column is None else column[rows]
        cut["why"] = None if self.why is None else tuple(one for one, kept in zip(self.why, rows, strict=True) if kept)
        cut["layers"] = None if self.layers is None else {name: one[rows] for name, one in self.layers.items()}
        return Record(**{**{name: getattr(self, name) for name in self.__dataclass_fields__}, **cut})

    def save(self, path: str | Path) -> None:
        """Write it as JSON lines: one object about the run, then one for each row.

        The file is written under a temporary name and then put in its place.
        """
        write_whole(Path(path), self._lines())

    def _lines(self) -> Iterable[dict[str, Any]]:
        there = [name for name, field in SERIES.items() if getattr(self, field) is not None]
        yield {
            "kind": KIND,
            "version": 1,
            "text": self.text,
            "base": self.base,
            "planned_steps": self.planned_steps,
            "diverged": self.diverged,
            "measured_at": self.measured_at,
            "measured": _written(self.measured),
            "validated": _written(self.validated),
            "columns": there,
            "layers": None if self.layers is None else list(self.layers),
            "rows": len(self),
        }
        columns = {name: _written(getattr(self, SERIES[name])) or [] for name in there}
        layers = [_written(one) or [] for one in (self.layers or {}).values()]
        for i, step in enumerate(self.steps.tolist()):
            row: dict[str, Any] = {"step": step} | {name: one[i] for name, one in columns.items()}
            if self.why is not None:
                row["why"] = self.why[i]
            if self.layers is not None:
                row["layers"] = [one[i] for one in layers]
            yield row


def read(path: str | Path) -> Record:
    """Read the record of a run: a file of `Run.save`, or a log of another training loop (see `records.logs`).

    An error in one line says what is wrong with the file, and which columns it has where a loss is missing.
    """
    from .logs import from_log, lines_of, parsed

    file = Path(path)
    text = lines_of(file)
    rows = parsed(text)
    if rows and rows[0].get("kind") == KIND:
        return _own(rows, file)
    return from_log(text, rows, file)


def write_whole(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """Write JSON lines to a temporary name beside `path`, then put them in its place."""
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with unfinished.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(one, allow_nan=False, ensure_ascii=False) + "\n" for one in lines)
        unfinished.replace(path)
    except OSError as error:
        raise StepsizeError(f"{path} cannot be written: {error.strerror or error}") from None
    finally:
        unfinished.unlink(missing_ok=True)


def _own(rows: list[dict[str, Any]], file: Path) -> Record:
    head, body = rows[0], rows[1:]
    try:
        if len(body) != head["rows"]:
            raise StepsizeError(f"{file} holds {len(body)} of its {head['rows']} rows: it was cut off; save it again")
        columns = {SERIES[name]: _floats(row[name] for row in body) for name in head["columns"]}
        names = head["layers"]
        layers = None if names is None else {n: _floats(r["layers"][i] for r in body) for i, n in enumerate(names)}
        return Record(
            steps=np.array([row["step"] for row in body], dtype=int),
            why=tuple(row["why"] for row in body) if all("why" in row for row in body) and body else None,
            layers=layers,
            text=head["text"],
            base=head["base"],
            planned_steps=head["planned_steps"],
            diverged=head["diverged"],
            measured_at=None if head["measured_at"] is None else tuple(head["measured_at"]),
            measured=None if head["measured"] is None else _floats(head["measured"]),
            validated=None if head["validated"] is None else _floats(head["validated"]),
            source=str(file),
            **columns,
        )
    except StepsizeError:
        raise
    except (KeyError, TypeError, IndexError, ValueError):
        raise StepsizeError(f"{file} is damaged or of another version of stepsize: save the run again") from None


def _written(column: Floats | None) -> list[float | str | None] | None:
    """Numbers as JSON has them: NaN becomes null, an infinity its name in quotes."""
    if column is None:
        return None
    return [None if math.isnan(one) else one if math.isfinite(one) else str(one) for one in column.tolist()]


def _floats(column: Iterable[Any]) -> Floats:
    return np.array([math.nan if one is None else float(one) for one in column], dtype=float)
