"""The workload: what a comparison trains on, whoever brings it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil, prod
from typing import Any

import numpy as np

from ..problems import Problem

MEASUREMENTS = 50
FEWEST_MEASUREMENTS = 20
OF_TRAINING = 3  # a gradient costs about as much as two more losses


@dataclass(frozen=True, eq=False)
class Workload:
    """A problem to train, a problem to validate on (or None), and what the reports say of them.

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

    @property
    def rows(self) -> tuple[int, int]:
        """Rows to train on and rows to validate on; 0 where there are none."""
        return self.problem.size or 0, (self.validation.size or 0) if self.validation is not None else 0

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
    return f"{told.rstrip('.')}, {count:,} {'parameter' if count == 1 else 'parameters'}."


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
