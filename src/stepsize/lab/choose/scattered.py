"""Random search: whole runs at rates drawn from a range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .answer import Asked
from .policy import Policy
from .seen import Seen


@dataclass(frozen=True)
class Scattered(Policy):
    """Whole runs at rates drawn evenly in log from `low` to `high` (powers of two), with a seed of its own.

    Formula: log2 η ~ U(low, high), independent; strategies take turns. Use it as the yardstick that any other policy
    must beat. The first n draws are the same at any budget. Source: Bergstra and Bengio 2012.
    """

    low: float = -16.0
    high: float = 0.0
    draw: int = 0

    def decide(self, runs: list[Seen]) -> Asked | None:
        count = int(self.budget + 1e-9)
        drawn = np.random.default_rng([15, self.draw]).uniform(self.low, self.high, count)
        wanted = [(i % len(self.strategies), float(x), self.seeds[0], 1.0) for i, x in enumerate(drawn)]
        return self.asked(wanted, runs, f"{count} rates drawn at random")
