"""The workload: what a comparison trains on, whoever brings it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil

import numpy as np

from ..descents import descent
from ..problems import Problem
from ..text import as_descent
from .study.plan import Subject
from .trials.lot import Engine
from .trials.stacked import Stacked

MEASUREMENTS = 50
FEWEST_MEASUREMENTS = 20
OF_TRAINING = 3  # a gradient costs about as much as two more losses


@dataclass(frozen=True, eq=False)
class Workload:
    """A problem to train, one that chooses and one that judges (or None), and what the reports say of them.

    `validation` is what chooses a rate and what controllers that watch a metric see; `test` judges what was chosen.
    `folded` says that both are of few rows and take turns. `problem` may be a training loop of the user's, which
    brings its own engine (`problem.engine(workload)`); anything else trains stacked.

    `model` says in a sentence what is trained; `fingerprint` changes with everything that the numbers depend on,
    besides the versions of Python, stepsize, NumPy and `packages`. `task`, `target`, `classes` and `columns` are
    those of a table, empty for anything else. `measurements` is how often the losses on all data are measured in a
    run; None takes 20 to 50, so many as cost about what the training costs.
    """

    name: str
    problem: Problem
    validation: Problem | None
    model: str
    fingerprint: str
    notes: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()
    measurements: int | None = None
    task: str = ""
    target: str = ""
    classes: int = 0
    columns: int = 0
    test: Problem | None = None
    folded: bool = False
    _engine: Engine | None = field(default=None, init=False, repr=False)

    def engine(self) -> Engine:
        """What trains its trials; the same one each time."""
        if self._engine is None:
            own = getattr(self.problem, "engine", None)
            made = own(self) if own is not None else Stacked(self.problem, self.validation, self.test)
            object.__setattr__(self, "_engine", made)
        assert self._engine is not None
        return self._engine

    @property
    def at_once(self) -> int:
        """How many trials train together at most."""
        return self.engine().at_once

    def strategy(self, text: str) -> descent:
        """The strategy that a text says, for this problem."""
        own = getattr(self.problem, "strategy", None)
        found: descent = as_descent(text) if own is None else own(text)
        return found

    @property
    def subject(self) -> Subject:
        """What the reports say of it."""
        train, validation, test = self.rows
        return Subject(
            fingerprint=self.fingerprint,
            data=self.name,
            model=self.model,
            rows_train=train,
            rows_validation=validation,
            rows_test=test,
            validated=self.validation is not None,
            tested=self.test is not None,
            folded=self.folded,
            task=self.task,
            target=self.target,
            classes=self.classes,
            columns=self.columns,
            notes=self.notes,
        )

    @property
    def rows(self) -> tuple[int, int, int]:
        """Rows to train on, to choose by and to judge by; 0 where there are none."""
        train, validation, test = (
            0 if one is None else one.size or 0 for one in (self.problem, self.validation, self.test)
        )
        return train, validation, test

    def measure_every(self, steps: int, batch_size: int | None) -> int:
        """After how many updates the losses on all data are measured."""
        often = max(1, steps // (self.measurements or MEASUREMENTS))
        if self.measurements is not None or batch_size is None:
            return often
        as_much_as_training = ceil(sum(self.rows) / (OF_TRAINING * batch_size))
        return max(often, min(as_much_as_training, max(1, steps // FEWEST_MEASUREMENTS)))


def sized(told: str, problem: Problem) -> str:
    """A sentence on a problem, with how many numbers it trains."""
    count = sum(one.size for one in problem.start(0).values())
    return f"{told.rstrip('.')}, {count:,} {'parameter' if count == 1 else 'parameters'}."


def fingerprint(parts: Iterable[bytes], problem: Problem | None = None) -> str:
    """A short hash of what decides the numbers, with the point that seed 0 starts from."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    for name, one in (problem.start(0) if problem is not None else {}).items():
        digest.update(name.encode() + np.ascontiguousarray(one).tobytes())
    return digest.hexdigest()[:16]
