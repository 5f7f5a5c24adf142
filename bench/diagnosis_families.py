"""What a run of `bench/diagnosis_judged.py` belongs to: a family that it is made from, and a group that must be found.

A family is networks, data, batch sizes, seeds and lengths. Thresholds are set on `FAMILIES["set on"]`; those of
`["apart"]` have none of it in common but some batch sizes, and the healthy logs of fine-tuning, policies and
adversaries have other levels, lengths and noises in each. `bench/diagnosis_healthy.py` makes the healthy runs,
`bench/diagnosis_ill.py` those with an illness.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from diagnosis_nets import APART, RULES, SET_ON
from diagnosis_trained import Net

from stepsize.lab.records.record import Record
from stepsize.problems import Floats

Records = Iterator[Record]


@dataclass(frozen=True)
class Family:
    """What the runs of a family are made of."""

    names: tuple[str, ...]
    batches: tuple[int, ...]
    seeds: tuple[int, ...]
    steps: int
    draw: int  # seeds what is drawn and not trained

    def pairs(self) -> Iterator[tuple[str, str]]:
        for name in self.names:
            for rule in RULES[name]:
                yield name, rule

    def random(self, what: int) -> np.random.Generator:
        return np.random.default_rng([self.draw, what])


@dataclass(frozen=True)
class Group:
    """Runs of one kind. One of `wanted` must be found, or a remark that holds one of `said`; none of them: healthy."""

    name: str
    records: Callable[[Family], Records]
    wanted: tuple[str, ...] = ()
    said: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        return not self.wanted and not self.said


FAMILIES = {
    "set on": Family(SET_ON, (1, 2, 4, 8, 32), (0, 1, 2), 400, 1),
    "apart": Family(APART, (1, 3, 6, 16, 48), (100, 101), 280, 2),
}


def log(losses: Floats, rates: Floats, norms: Floats | None = None) -> Record:
    return Record(steps=np.arange(len(losses)), losses=np.asarray(losses, dtype=float), rates=rates, grad_norms=norms)


def halves(whole: Net) -> tuple[Net, Net]:
    """Two thirds to train on, the others to look at."""
    cut = 2 * len(whole.y) // 3
    order = np.random.default_rng(8).permutation(len(whole.y))
    return tuple(replace(whole, X=whole.X[rows], y=whole.y[rows]) for rows in (order[:cut], order[cut:]))  # type: ignore[return-value]
