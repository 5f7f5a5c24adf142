"""The record of a run: its series, one row for each update that was logged; the one shape, whoever ran it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._errors import StepsizeError
from ...problems import Floats

SERIES = {
    "loss": "losses",
    "rate": "rates",
    "grad_norm": "grad_norms",
    "clipped": "clipped",
    "slope": "slopes",
    "end_slope": "end_slopes",
    "extra_losses": "extra_losses",
    "skipped": "skipped",
    "update_norm": "update_norms",
    "weight_norm": "weight_norms",
    "seconds": "seconds",
    "memory": "memory",
}
"""How a row calls a number, and the column of `Record` that it belongs to."""
BY_NAME = ("layers", "layer_updates", "group_rates", "knobs")
"""The fields of `Record` that hold several columns, each by its name."""


@dataclass(frozen=True)
class Decision:
    """Something that was decided while a run went on, such as a plateau that lowered the rate.

    `step` is the update that it was made before, `kind` the word that made it (`plateau`, `clip_norm`, `skip`, …),
    `group` the parameter group that it governs ("" for all), `why` its sentence, and `factor` what the rate or the
    gradient was multiplied by, where that is known.
    """

    step: int
    kind: str
    why: str
    group: str = ""
    factor: float | None = None


@dataclass(frozen=True, eq=False)
class Record:
    """What was written down of a run, by stepsize or by any other training loop.

    Row i belongs to update `steps[i]`, which rise but may leave gaps; every row has a loss, and a loss that is not
    finite is one of a run that broke. A column that was not logged is None, a single missing number is NaN. `slopes`,
    `end_slopes`, `layers` and `extra_losses` are those of `Run`. `text` is the strategy, `base` its base rate, `seed`
    that of the run, `planned_steps` how many updates were asked for, `diverged` is None where nobody said. `skipped`
    is 1 where the update was left out, for its gradients were not finite, and 0 where it was made. `policy` names the
    columns that say that the loss is one of reinforcement learning, whose value tells nothing. `source` names the file.
    `measured`, `validated` and `tested` are the losses on all data to train on, to choose by and to judge by, after as
    many updates as `measured_at` says; `metrics` are other measures there, such as the accuracy on the part that
    judges, by their names. `group_rates` has the rate of every parameter group where there are several, by the group's
    name; `knobs` every other hyper-parameter that moves, as "momentum" or "momentum/GROUP". `update_norms` and
    `weight_norms` are the lengths of the update and of all weights before it; `layer_updates` the length of a layer's
    update over that of its weights. `seconds` is the time of an update, `memory` the most bytes that the device held.
    `decisions` is what was decided and why, `optimizer` its class (as "class") and the settings that do not move.
    Two records are equal where every number and every word is; the file does not count.
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
    tested: Floats | None = None
    metrics: dict[str, Floats] | None = None
    source: str = ""
    seed: int | None = None
    extra_losses: Floats | None = None
    skipped: Floats | None = None
    policy: tuple[str, ...] = ()
    group_rates: dict[str, Floats] | None = None
    knobs: dict[str, Floats] | None = None
    update_norms: Floats | None = None
    weight_norms: Floats | None = None
    layer_updates: dict[str, Floats] | None = None
    seconds: Floats | None = None
    memory: Floats | None = None
    decisions: tuple[Decision, ...] = ()
    optimizer: dict[str, Any] | None = None

    def __post_init__(self) -> None:
        for name in (*SERIES.values(), "why"):
            self._check(name, getattr(self, name))
        for field in BY_NAME:
            for name, one in (getattr(self, field) or {}).items():
                self._check(f"{field}[{name!r}]", one)

    def _check(self, name: str, column: Any) -> None:
        if column is not None and len(column) != len(self.steps):
            raise StepsizeError(f"Record: {name} must have {len(self.steps)} entries like steps, not {len(column)}")

    def __len__(self) -> int:
        return len(self.steps)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record):
            return NotImplemented
        names = [name for name in self.__dataclass_fields__ if name != "source"]
        return all(_same(getattr(self, name), getattr(other, name)) for name in names)

    def __hash__(self) -> int:
        return hash((self.text, self.base, self.seed, self.steps.tobytes()))

    @property
    def made(self) -> int:
        """The updates made, as far as the rows tell: one more than the last row's."""
        return int(self.steps[-1]) + 1 if len(self) else 0

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

    @property
    def update_ratios(self) -> Floats | None:
        """The length of each update over that of all weights; about 1e-3 is usual, NaN where one is not known."""
        if self.update_norms is None or self.weight_norms is None:
            return None
        with np.errstate(all="ignore"):
            return self.update_norms / self.weight_norms

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
        for field in BY_NAME:
            columns = getattr(self, field)
            cut[field] = None if columns is None else {name: one[rows] for name, one in columns.items()}
        first, last = (cut["steps"][0], cut["steps"][-1]) if len(cut["steps"]) else (0, -1)
        cut["decisions"] = tuple(one for one in self.decisions if first <= one.step <= last)
        return Record(**{**{name: getattr(self, name) for name in self.__dataclass_fields__}, **cut})

    def _repr_html_(self) -> str:
        """Its losses and rates as small charts, in a notebook."""
        from .sketched import sketched

        named = self.text or self.source
        return sketched(self, f"Record{f' of {named}' if named else ''}, {len(self):,} rows")

    def save(self, path: str | Path) -> None:
        """Write it as JSON lines: one object about the run, then one for each row.

        The file is written under a temporary name and then put in its place.
        """
        from ...course import log
        from .lines import rows_of

        log.write(Path(path), rows_of(self))


def read(
    path: str | Path,
    *,
    loss: str | None = None,
    step: str | None = None,
    lr: str | None = None,
    run: str | None = None,
) -> Record:
    """Read the record of a run: a file of `Run.save`, or a log of another training loop.

    `path` is a file, which gzip may have packed, or a folder of one log. `loss`, `step` and `lr` name the columns of
    a log where its own names do not say them; several columns with a plus between them are added up. `run` names one
    of several runs that a file holds; `read_all` reads them all.

    A line that is damaged costs that line, which a warning names; the half line of a run that died is passed over. An
    error in one line says what is wrong with a file that is no record, and which columns it has where a loss is
    missing.
    """
    from .foreign.wanted import Wanted
    from .logs import read_log

    return read_log(Path(path), Wanted(loss, step, lr, run))


def read_all(
    path: str | Path, *, loss: str | None = None, step: str | None = None, lr: str | None = None
) -> dict[str, Record]:
    """Read the records of all runs that a file holds, by their names; a file of one run has the name "" for it.

    The arguments are those of `read`.
    """
    from .foreign.wanted import Wanted
    from .logs import read_every

    return read_every(Path(path), Wanted(loss, step, lr))


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return list(a) == list(b) and all(_same(a[name], b[name]) for name in a)
    if isinstance(a, np.ndarray) and isinstance(b, np.ndarray):
        return np.array_equal(a, b, equal_nan=True)
    return type(a) is type(b) and bool(a == b)


def paused_at(measured: Floats) -> Floats:
    """The looks of a run that goes on, with infinity for a last NaN, which would say that it stopped being finite.

    All training data together may be too much for a float where every batch is not.
    """
    if not len(measured) or not np.isnan(measured[-1]):
        return measured
    return np.append(measured[:-1], np.inf)
