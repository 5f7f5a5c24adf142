"""The workload: what a comparison trains on, whoever brings it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from math import ceil, prod
from typing import Any

import numpy as np

from .._language import retold
from ..descents import descent
from ..problems import Problem
from ..schedules.rate import rate
from ..text import as_descent, as_strategy
from .runs.descend import in_steps
from .study.plan import Subject
from .trials.loop import Loop, Training
from .trials.lot import Engine
from .trials.stacked import Stacked

MEASUREMENTS = 50
FEWEST_MEASUREMENTS = 20
OF_TRAINING = 3  # a gradient costs about as much as two more losses
TASKS = {  # of a table, in a line and at its beginning
    "classification": ("classification", "Classification"),
    "regression": ("regression", "Regression"),
}
MODELS = {  # how the sentence on what is trained is put together
    "classification": "Softmax regression by its mean cross-entropy, beginning at zero, with an intercept among the "
    "columns.",
    "regression": "Least squares by its mean squared residual, on the standardised target, beginning at zero, with an "
    "intercept among the columns.",
    "parameter": "{told}, {count} parameter.",
    "parameters": "{told}, {count} parameters.",
    "function": "The problem that {function} in {file} builds",
    "text": "{told} (Python {python}, {characters} characters, sha256 {digest}…)",
}


@dataclass(frozen=True, eq=False)
class Workload:
    """A problem to train, one that chooses and one that judges (or None), and what the reports say of them.

    `validation` is what chooses a rate and what controllers that watch a metric see; `test` judges what was chosen.
    `folded` says that both are of few rows and take turns. `problem` may be a training loop of the user's, which
    trains by the engine "loop" and brings its own parts; anything else trains stacked.

    `model` says in a sentence what is trained; `fingerprint` changes with everything that the numbers depend on,
    besides the versions of Python, stepsize, NumPy and `packages`. `task`, `target`, `classes` and `columns` are
    those of a table, empty for anything else. `measurements` is how often the losses on all data are measured in a
    run; None takes 20 to 50, so many as cost about what the training costs.
    """

    name: str
    problem: Problem | Training
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
            object.__setattr__(self, "_engine", self._made())
        assert self._engine is not None
        return self._engine

    def _made(self) -> Engine:
        if isinstance(self.problem, Training):
            return Loop(self.problem)
        return Stacked(self.problem, self.validation, self.test)

    @property
    def at_once(self) -> int:
        """How many trials train together at most."""
        return self.engine().at_once

    def strategy(self, text: str, steps: int, batch_size: int | None) -> descent | rate:
        """The strategy that a text says, which fits this problem and a run of so many steps, or an error says why not.

        A training whose optimizer is the user's takes a rate alone.
        """
        found = as_strategy(text)
        if isinstance(self.problem, Training):
            self.problem.check(found, steps, batch_size)
            return found
        whole = as_descent(found)
        in_steps(whole, steps, self.problem, batch_size)
        return whole

    @property
    def subject(self) -> Subject:
        """What the reports say of it."""
        parts, rows = self.parts, self.rows
        return Subject(
            fingerprint=self.fingerprint,
            data=self.name,
            model=self.model,
            rows_train=rows[0],
            rows_validation=rows[1],
            rows_test=rows[2],
            validated="validation" in parts,
            tested="test" in parts,
            folded=self.folded,
            task=self.task,
            target=self.target,
            classes=self.classes,
            columns=self.columns,
            notes=self.notes,
        )

    @property
    def parts(self) -> dict[str, int | None]:
        """The rows of each part that there is, None where they are not known: "train", "validation" and "test"."""
        if isinstance(self.problem, Training):
            return {"train" if name == "data" else name: size for name, size in self.problem.sizes.items()}
        named = {"train": self.problem, "validation": self.validation, "test": self.test}
        return {name: one.size for name, one in named.items() if one is not None}

    @property
    def rows(self) -> tuple[int, int, int]:
        """Rows to train on, to choose by and to judge by; 0 where there are none, or nobody knows."""
        train, validation, test = (self.parts.get(name) or 0 for name in ("train", "validation", "test"))
        return train, validation, test

    def batch(self, batch_size: int | None) -> int | None:
        """The rows of an update: None for all of them, and where the problem decides."""
        if getattr(self.problem, "own_batches", False) or (batch_size is not None and batch_size > self.rows[0]):
            return None
        return batch_size

    def measure_every(self, steps: int, batch_size: int | None) -> int:
        """After how many updates the losses on all data are measured."""
        often = max(1, steps // (self.measurements or MEASUREMENTS))
        if self.measurements is not None or batch_size is None:
            return often
        as_much_as_training = ceil(sum(self.rows) / (OF_TRAINING * batch_size))
        return max(often, min(as_much_as_training, max(1, steps // FEWEST_MEASUREMENTS)))


def sized(told: str, problem: Problem) -> str:
    """A sentence on a problem, with how many numbers it trains."""
    count = sum(prod(one.shape) for one in problem.start(0).values())
    return MODELS["parameter" if count == 1 else "parameters"].format(told=told.rstrip("."), count=f"{count:,}")


def model_said(model: str) -> str:
    """What is trained, as the reports say it, in the language that is spoken; files keep it in English."""
    return retold(model, MODELS.values())


def fingerprint(parts: Iterable[bytes], problem: Problem | None = None) -> str:
    """A short hash of what decides the numbers, with the point that seed 0 starts from."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    for name, one in (problem.start(0) if problem is not None else {}).items():
        digest.update(name.encode() + np.ascontiguousarray(_on_host(one)).tobytes())
    return digest.hexdigest()[:16]


def _on_host(array: Any) -> Any:
    """A tensor of another library as it would be in NumPy: in float64, so that its kind of number decides nothing."""
    return array.detach().cpu().double() if hasattr(array, "detach") else array
