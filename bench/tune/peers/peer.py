"""What a peer is: a way of choosing that another package has, and what it answers in a cell."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from ..judging import Answers
from ..kept import OUT, Kept
from ..table import DEFAULT_RATES

FOLDER = Path(os.environ.get("PEERS_KEPT", OUT / "peers"))  # of what peers answered


class Cell(Protocol):
    """What is read of a cell of `bench.tune.tasks`; the finders and the optimizers train its task too."""

    @property
    def name(self) -> str: ...
    @property
    def optimizer(self) -> str: ...


class Recorded(Protocol):
    """What is read of a table of `bench.tune.table`: whole runs of every rate, of which searches see the losses."""

    name: str
    rates: np.ndarray  # rising
    held: np.ndarray  # looks × seeds × rates

    def place(self, rate: float) -> int: ...


@dataclass(frozen=True)
class Peer:
    """A row of the bench. `picks` is empty where there is no answer at a budget, or none was recorded yet."""

    name: str
    kind: str  # "finder", "optimizer" or "search"
    package: str  # its name in pip; "" for what needs none
    picks: Callable[[Any, Any, int, float], Answers]  # of cell, table, seed and budget in whole runs
    optimizers: tuple[str, ...] = tuple(DEFAULT_RATES)  # of the cells that it is judged in
    largest: float = float("inf")  # budget from which on its answer is the same
    kept: Kept | None = None  # where its answers are; None for what answers at once
    unanswered: Callable[[Any, Any, int, float], bool] = lambda *_: False  # the default rate took the place of one

    @property
    def version(self) -> str:
        """The package with the version that answered; "" for what needs none."""
        return self.kept.version(self.package) if self.kept else ""
