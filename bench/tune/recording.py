"""Records the cells: every rate of the grid, every seed, whole, by a study of stepsize.

Each cell has a folder under `OUT`, whose journal is the study; a recording that was killed goes on from there. A cell
that is whole is condensed to `OUT/CELL.npz` (see `table`); its range tests are in `OUT/sweeps`. Git ignores the folder;
`python -m bench.tune record` makes it anew.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from stepsize.adapters.torch import problem
from stepsize.lab.compare import here
from stepsize.lab.finding import find_rate
from stepsize.lab.study.study import Progress, Study
from stepsize.lab.trials.outcome import Outcome
from stepsize.lab.trials.trial import Trial
from stepsize.lab.workload import Workload, fingerprint, sized

from .kept import OUT
from .table import LOOKS, RATES, TEXTS, Table, tables, write
from .tasks import CELLS, Cell, Task

SHARES = (0.1, 0.3)  # of a run, that a range test takes


def right(outputs: Tensor, targets: Tensor) -> Tensor:
    """The share of targets whose score is the highest."""
    return (outputs.argmax(-1) == targets).float().mean()


def workload(task: Task) -> Workload:
    """A task as a study trains it."""
    metrics = {"accuracy": right} if task.accuracy else {}
    parts = [problem(task.model, task.loss, part, metrics=metrics) for part in (task.train, task.validation, task.test)]
    train, validation, test = parts
    rows = [one.numpy().tobytes() for part in (task.train, task.validation, task.test) for one in part]
    return Workload(
        name=task.name,
        problem=train,
        validation=validation,
        test=test,
        model=sized(f"The task {task.name} of the bench", train),
        fingerprint=fingerprint([f"{task.name} {task.model()}".encode(), *rows], train),
        packages=("torch", "scikit-learn"),
        measurements=LOOKS,
    )


def trials(cell: Cell, told: str, rates: Sequence[float] = ()) -> list[Trial]:
    """Every rate with every seed, the rates of a seed one after another."""
    text, task = TEXTS[cell.optimizer], cell.task
    every = task.steps // LOOKS
    return [
        Trial(cell.optimizer, text, told, rate, seed, task.steps, cell.batch_size, every)
        for seed in range(cell.seeds)
        for rate in rates or RATES[cell.optimizer]
    ]


def record(cell: Cell, out: Path = OUT, on_progress: Callable[[Progress], None] = lambda _: None) -> Path:
    """Record what is missing of a cell; its file."""
    path = out / f"{cell.name}.npz"
    if not path.exists():
        given = workload(cell.task)
        asked = trials(cell, given.fingerprint)
        with Study(given, out / cell.name) as study:
            done = study.train(asked, here(given), on_progress=on_progress)
        _put(path, lambda beside: write(beside, condensed(cell, done)))
    return path


def sweep(cell: Cell, out: Path = OUT) -> Path:
    """Range tests of a tenth and of three tenths of a run, from every seed, as `stepsize find` has them; their file."""
    path = out / "sweeps" / f"{cell.name}.npz"
    if path.exists():
        return path
    given, columns = workload(cell.task), {}
    told = {"steps": cell.task.steps, "batch_size": cell.batch_size}
    for share in SHARES:
        swept = [find_rate(given, TEXTS[cell.optimizer], share=share, seed=i, **told) for i in range(cell.seeds)]
        columns[f"{share}_0_r"] = swept[0].rates
        columns[f"{share}_0_l"] = np.stack([one.losses for one in swept], axis=1)
    _put(path, lambda beside: np.savez_compressed(beside, **columns))
    return path


def _put(path: Path, make: Callable[[Path], None]) -> None:
    """Make a file beside, under a name of this process, and then put it in its place: several may record a cell."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f"{path.stem}.{os.getpid()}.npz")
    make(beside)
    beside.replace(path)


def condensed(cell: Cell, done: Sequence[Outcome]) -> Table:
    """The outcomes of all trials of a cell as its table."""
    rates, steps = np.array(sorted({one.trial.rate for one in done})), cell.task.steps
    at = np.arange(1, LOOKS + 1) * (steps // LOOKS)
    held = np.full((LOOKS, cell.seeds, len(rates)), np.nan)
    test, accuracy = np.full((2, cell.seeds, len(rates)), np.nan)
    start = np.full(cell.seeds, np.nan)
    for one in done:
        seed, j = one.trial.seed, int(np.searchsorted(rates, one.trial.rate))
        looks = dict(zip(one.measured_at, one.record.validated, strict=True))
        start[seed] = looks[0]
        held[:, seed, j] = [looks.get(step, np.nan) for step in at]
        if one.made == steps and one.over:
            test[seed, j] = one.record.tested[-1]
            accuracy[seed, j] = one.record.metrics["accuracy"][-1] if cell.task.accuracy else np.nan
    held, test = (np.where(np.isfinite(one), one, np.nan) for one in (held, test))
    return Table(cell.name, rates, held, test, start, steps, accuracy if cell.task.accuracy else None)


def recorded(out: Path = OUT, cells: Sequence[Cell] = CELLS) -> list[tuple[Cell, Table]]:
    """The cells that are recorded whole, with their tables, and with their range tests where those were made."""
    paths = [(cell, out / f"{cell.name}.npz") for cell in cells]
    return [(cell, _with_sweeps(tables(path)[0], out / "sweeps" / path.name)) for cell, path in paths if path.exists()]


def _with_sweeps(one: Table, path: Path) -> Table:
    if not path.exists():
        return one
    with np.load(path) as found:
        return replace(one, sweeps={f"{share}_0": (found[f"{share}_0_r"], found[f"{share}_0_l"]) for share in SHARES})


def expected_seconds(cell: Cell, updates: int = 4) -> tuple[float, float]:
    """What recording a cell takes about, and how much of it are looks: from some updates of one lot and a look."""
    given = workload(cell.task)
    lot = given.engine().begin(trials(cell, given.fingerprint)[:74])
    lot.update()
    begun = time.process_time()
    for _ in range(updates):
        lot.update()
    middle = time.process_time()
    lot._measure()  # type: ignore[attr-defined]
    share = len(RATES[cell.optimizer]) * cell.seeds / 74
    look = (time.process_time() - middle) * (LOOKS + 1) * share
    return (middle - begun) / updates * cell.task.steps * share + look, look


def estimate(cells: Sequence[Cell] = CELLS) -> None:
    """Print what recording takes about."""
    torch.set_num_threads(1)
    total = 0.0
    for cell in cells:
        whole, looks = expected_seconds(cell)
        total += whole
        print(f"{cell.name:28} {whole:7.1f} s, of which looks {looks:6.1f}   {total:7.0f}", flush=True)
