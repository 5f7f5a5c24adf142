"""A grid: whole runs at rates a fixed factor apart, around the middle of what is believed."""

from __future__ import annotations

from dataclasses import dataclass

from .answer import Asked
from .policy import Policy
from .seen import Seen


@dataclass(frozen=True)
class Grid(Policy):
    """Whole runs at rates `apart` octaves from one another, from the centre of the prior outwards.

    Use it to see the whole basin, or where every run is wanted anyway; it learns nothing from one run for the next.
    `apart` ≥ 0.5 is rounded to the steps of `octaves`. Strategies take turns. A larger budget adds rates further out.

    >>> from stepsize.lab.choose.grid import Grid
    >>> policy = Grid(("sgd(momentum=0.9) | 0.1",), "problem", steps=100, budget=3)
    >>> policy.ask([]).parts[0].trial.rate, len(policy.ask([]).parts)
    (0.044, 3)
    """

    apart: float = 2.0

    def decide(self, runs: list[Seen]) -> Asked | None:
        step = max(round(self.apart / self.octaves), 1) * self.octaves
        wanted = [(arm, x, self.seeds[0], 1.0) for arm, x in self.in_turn(step)[: int(self.budget + 1e-9)]]
        return self.asked(wanted, runs, f"a grid of {len(wanted)} rates")
