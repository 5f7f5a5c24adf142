"""What was recorded of a cell: whole runs of every rate of a grid, from several seeds.

A file NPZ has one cell or several, each with the keys `CELL/cos_rates` (rising), `cos_held` (looks × seeds × rates: the
loss on the part that chooses, NaN from where a run broke), `cos_at` (after how many updates the looks are), `cos_test`
and `cos_acc` (seeds × rates: loss and accuracy on the part that judges, at the end), `l0` (the loss on the part that
chooses before training, by seed), `T` (the updates of a run), and of range tests `sweepSHARE_ORDER_r` and `_l` (rates
and losses). Where `l0` is missing, the first look of the lowest rate stands for it; `cos_acc` may be missing.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stepsize.lab.records.record import Record
from stepsize.lab.trials.outcome import Outcome
from stepsize.lab.trials.trial import Trial

TEXTS = {  # with the usual default rates
    "adamw": "adamw(weight_decay=0.01) | 0.001 * (warmup('5%') >> cosine())",
    "sgdm": "sgd(momentum=0.9) | 0.1 * (warmup('5%') >> cosine())",
}
DEFAULT_RATES = {"adamw": 1e-3, "sgdm": 0.1}
RATES = {  # 37 of each, half an octave apart
    "adamw": tuple(2.0 ** (-15 + i / 2) for i in range(37)),
    "sgdm": tuple(2.0 ** (-13 + i / 2) for i in range(37)),
}
LOOKS = 20  # at the part that chooses, in a run
Sweeps = dict[str, tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Table:
    """One task with one optimizer and batch size: every rate, every seed, whole."""

    name: str
    rates: np.ndarray  # rising
    held: np.ndarray  # looks × seeds × rates
    test: np.ndarray  # seeds × rates
    start: np.ndarray  # held-out loss before training, by seed
    steps: int
    accuracy: np.ndarray | None = None  # seeds × rates
    sweeps: Sweeps = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """The optimizer: "adamw" or "sgdm"."""
        return "adamw" if "adamw" in self.name else "sgdm"

    @property
    def task(self) -> str:
        return re.sub(r"_(adamw|sgdm)_\d+$", "", self.name)

    @property
    def seeds(self) -> int:
        return len(self.test)

    @property
    def octaves(self) -> float:
        """How far the rates are apart."""
        return float(np.median(np.diff(np.log2(self.rates))))

    @property
    def every(self) -> int:
        """After how many updates the looks are."""
        return self.steps // len(self.held)

    @property
    def means(self) -> np.ndarray:
        """The test loss of each rate, a mean over seeds; infinite where one of them broke."""
        return np.where(np.isfinite(self.test), self.test, np.inf).mean(axis=0)

    @property
    def best(self) -> int:
        """The place of the best fixed rate, by the test loss itself."""
        return int(self.means.argmin())

    def place(self, rate: float) -> int:
        """The place of the recorded rate that is nearest."""
        return int(np.abs(np.log2(self.rates) - np.log2(rate)).argmin())

    def outcome(self, trial: Trial, until: int) -> Outcome:
        """What a trial did until it paused, or stopped being finite."""
        at = np.arange(1, len(self.held) + 1) * trial.measure_every
        losses = self.held[:, trial.seed, self.place(trial.rate)]
        broken = np.flatnonzero(~np.isfinite(losses))
        end = min(until, int(at[broken[0]])) if len(broken) else until
        looks = [0, *at[at <= end].tolist()]
        values = np.array([self.start[trial.seed], *losses[at <= end]])
        values[~np.isfinite(values)] = np.nan
        made = np.arange(end)
        record = Record(made, np.zeros(end), measured_at=tuple(looks), measured=values, validated=values)
        return Outcome(trial, record)


def tables(*paths: str | Path) -> list[Table]:
    """The cells of these files, in the order of their names in each."""
    found = []
    for path in paths:
        with np.load(path) as stored:
            names = sorted({key.rsplit("/", 1)[0] for key in stored.files if key.endswith("/cos_held")})
            found += [_table(stored, name) for name in names]
    return found


def _table(stored: np.lib.npyio.NpzFile, name: str) -> Table:
    held = np.asarray(stored[f"{name}/cos_held"], float)
    prefix = f"{name}/sweep"
    sweeps = {
        key[len(prefix) : -2]: (stored[key], stored[key[:-1] + "l"])
        for key in stored.files
        if key.startswith(prefix) and key.endswith("_r")
    }
    has = set(stored.files)
    return Table(
        name,
        rates=stored[f"{name}/cos_rates"],
        held=held,
        test=np.asarray(stored[f"{name}/cos_test"], float),
        start=np.asarray(stored[f"{name}/l0"] if f"{name}/l0" in has else held[0][:, 0], float),
        steps=int(stored[f"{name}/T"]),
        accuracy=np.asarray(stored[f"{name}/cos_acc"], float) if f"{name}/cos_acc" in has else None,
        sweeps=sweeps,
    )


def write(path: Path, one: Table) -> None:
    """Write a cell; the file is there when it is whole."""
    columns = {
        "cos_rates": one.rates,
        "cos_held": one.held,
        "cos_at": np.arange(1, len(one.held) + 1) * one.every,
        "cos_test": one.test,
        "l0": one.start,
        "T": np.array(one.steps),
    }
    if one.accuracy is not None:
        columns["cos_acc"] = one.accuracy
    for key, (rates, losses) in one.sweeps.items():
        columns |= {f"sweep{key}_r": rates, f"sweep{key}_l": losses}
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_suffix(".part.npz")
    np.savez_compressed(beside, **{f"{one.name}/{key}": value for key, value in columns.items()})
    beside.replace(path)
