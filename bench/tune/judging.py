"""How a choice is judged: by the test loss of the run that was chosen, which choosing never saw.

A chooser is asked once from each seed of a cell. It answers with runs of the table (`Pick`), or with whole runs of its
own (`Ran`). Excess is the mean test loss of these over that of the best fixed rate from the same seeds, less one; the
best fixed rate is that of the whole table, chosen by the test loss itself. A cell counts 1000 % at most.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from .table import Table

MOST = 1000.0  # % that a cell counts


class Pick(NamedTuple):
    """A run of the table that was chosen, and what choosing cost, that run included."""

    seed: int
    place: int  # of the rate in the grid
    cost: float  # in whole runs


class Ran(NamedTuple):
    """A whole run without a rate to choose: what it ended with, NaN where it broke."""

    seed: int
    validation: float
    test: float
    accuracy: float  # NaN where targets are no classes
    cost: float  # in whole runs


Answers = Sequence[Any]  # Pick or Ran, or of the same fields
Chooser = Callable[[Table, int, float], Answers]  # of a table, a seed and a budget; empty where it has no answer


@dataclass(frozen=True)
class Row:
    """How a chooser did in one cell. `points` and `octaves` are NaN where there are no classes, no rates."""

    cell: str
    excess: float  # %
    points: float  # of accuracy, fewer than at the best fixed rate
    octaves: float  # from the best fixed rate, a mean of distances
    signed: float  # the same, negative below the best rate
    broken: int  # runs that diverged: not finite at the end, or above the loss that they began with
    runs: int
    cost: float  # in whole runs
    most: float


class Ended(NamedTuple):
    validation: float
    test: float
    accuracy: float
    octaves: float


def judged(table: Table, ask: Callable[[int], Answers], seeds: Iterable[int]) -> Row | None:
    """How the answers from these seeds did; None where there was none."""
    answers = [(seed, one) for seed in seeds for one in ask(seed)]
    if not answers:
        return None
    ended = [_ended(table, one) for _, one in answers]
    began = [table.start[one.seed] for _, one in answers]
    asked = [seed for seed, _ in answers]
    reference = table.test[asked, table.best].mean()
    test, octaves = np.array([one.test for one in ended]), np.array([one.octaves for one in ended])
    costs = [one.cost for _, one in answers]
    return Row(
        table.name,
        min(float(100 * (test.mean() / reference - 1)), MOST) if np.isfinite(test).all() else MOST,
        _points(table, asked, ended),
        float(np.abs(octaves).mean()),
        float(octaves.mean()),
        sum(not one.validation <= start for one, start in zip(ended, began, strict=True)),
        len(answers),
        float(np.mean(costs)),
        max(costs),
    )


def _ended(table: Table, one: Any) -> Ended:
    if not hasattr(one, "place"):
        return Ended(one.validation, one.test, one.accuracy, np.nan)
    accuracy = np.nan if table.accuracy is None else table.accuracy[one.seed, one.place]
    octaves = np.log2(table.rates[one.place] / table.rates[table.best])
    return Ended(table.held[-1, one.seed, one.place], table.test[one.seed, one.place], accuracy, octaves)


def _points(table: Table, asked: list[int], ended: list[Ended]) -> float:
    """Points of accuracy lost; a run that broke has no right answer."""
    if table.accuracy is None:
        return np.nan
    reached = np.nan_to_num([one.accuracy for one in ended], nan=0.0).mean()
    return float(100 * (table.accuracy[asked, table.best].mean() - reached))


@dataclass(frozen=True)
class Summary:
    """How a chooser did over cells."""

    cells: int
    median: float
    mean: float
    worst: float
    second: float
    over: int  # cells of more than 10 %
    points: float
    octaves: float
    broken: int
    runs: int
    cost: float
    most: float


def summed(rows: Sequence[Row]) -> Summary:
    """The summary of rows, of which there must be one."""
    excess = np.sort([one.excess for one in rows])[::-1]
    return Summary(
        len(rows),
        float(np.median(excess)),
        float(excess.mean()),
        float(excess[0]),
        float(excess[min(1, len(excess) - 1)]),
        int((excess > 10).sum()),
        _mean([one.points for one in rows]),
        _mean([one.octaves for one in rows]),
        sum(one.broken for one in rows),
        sum(one.runs for one in rows),
        float(np.mean([one.cost for one in rows])),
        max(one.most for one in rows),
    )


def _mean(numbers: list[float]) -> float:
    """The mean of those that there are; NaN where there is none."""
    there = [one for one in numbers if not np.isnan(one)]
    return float(np.mean(there)) if there else np.nan


HEAD = "| budget | policy | tasks | cells | median | mean | worst | second | > 10 % | diverged | cost | most |"


def line(budget: float, name: str, tasks: str, rows: list[Row]) -> str:
    """A row of the table under `HEAD`."""
    one = summed(rows)
    shown = " | ".join(f"{number:.1f}" for number in (one.median, one.mean, one.worst, one.second))
    told = f"{one.over} | {one.broken} | {one.cost:.2f} | {one.most:.2f}"
    return f"| {budget:g} | {name} | {tasks} | {len(rows)} | {shown} | {told} |"
