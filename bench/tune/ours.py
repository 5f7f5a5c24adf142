"""Choosers that need a table alone: the policies of stepsize, grids, random search, the default, and range tests."""

from __future__ import annotations

import numpy as np

from stepsize.course.range_test import find
from stepsize.lab.choose.answer import Verdict
from stepsize.lab.choose.climb import Climb
from stepsize.lab.choose.grid import Grid
from stepsize.lab.choose.halving import Halving
from stepsize.lab.choose.policy import Policy
from stepsize.lab.choose.race import Race
from stepsize.lab.choose.scattered import Scattered
from stepsize.lab.choose.tune import Tune
from stepsize.lab.trials.outcome import Outcome

from .judging import Chooser, Pick
from .table import DEFAULT_RATES, TEXTS, Table

RANGES = {"adamw": (np.log2(1e-5), 0.0), "sgdm": (np.log2(1e-4), np.log2(3.0))}  # where searches draw
Picks = list[Pick]


def setting(cell: Table, seed: int, budget: float) -> dict[str, object]:
    """What every policy is given: the seeds in turn, beginning with this one."""
    return {
        "strategies": (TEXTS[cell.kind],),
        "problem": cell.name,
        "steps": cell.steps,
        "budget": budget,
        "seeds": tuple((seed + i) % cell.seeds for i in range(cell.seeds)),
        "measure_every": cell.every,
        "octaves": cell.octaves,
    }


def run(policy: Policy, cell: Table) -> tuple[Verdict, float]:
    """Ask until there is a verdict; the verdict and what its trials cost, in runs."""
    made: dict[str, Outcome] = {}
    while not isinstance(answer := policy.ask(list(made.values())), Verdict):
        for part in answer.parts:
            found = cell.outcome(part.trial, part.until)
            before = made.get(part.trial.key)
            assert before is None or before.made < part.until, "asked twice"
            made[part.trial.key] = found
    cost = sum(one.made for one in made.values()) / cell.steps
    assert cost <= policy.budget + 1e-6, f"{cost} runs of {policy.budget}"
    return answer, cost


def ours(kind: type[Policy], **extra: object) -> Chooser:
    """A policy of stepsize."""

    def picks(cell: Table, seed: int, budget: float) -> Picks:
        answer, cost = run(kind(**setting(cell, seed, budget), **extra), cell)  # type: ignore[arg-type]
        return [Pick(answer.trial.seed, cell.place(answer.trial.rate), cost)]

    return picks


def random_search(cell: Table, seed: int, budget: float) -> Picks:
    low, high = RANGES[cell.kind]
    draws = [ours(Scattered, low=low, high=high, draw=10 * seed + draw) for draw in range(3)]
    return [pick for one in draws for pick in one(cell, seed, budget)]


def default_grid(cell: Table, seed: int, budget: float) -> Picks:
    """Whole runs a factor of four apart, around the usual default, upwards first."""
    middle = np.log2(DEFAULT_RATES[cell.kind])
    offsets = [0, *(sign * i * 2 for i in range(1, 9) for sign in (1, -1))][: int(budget)]
    places = sorted({cell.place(2 ** (middle + one)) for one in offsets})
    losses = np.where(np.isfinite(cell.held[-1, seed, places]), cell.held[-1, seed, places], np.inf)
    return [Pick(seed, places[int(losses.argmin())], float(len(places)))]


def everything(cell: Table, seed: int, budget: float) -> Picks:
    losses = np.where(np.isfinite(cell.held[-1, seed]), cell.held[-1, seed], np.inf)
    return [Pick(seed, int(losses.argmin()), float(len(cell.rates)))]


def everything_everywhere(cell: Table, seed: int, budget: float) -> Picks:
    """The whole grid with all seeds: the rate whose validation loss is lowest in the mean."""
    losses = np.where(np.isfinite(cell.held[-1]), cell.held[-1], np.inf).mean(axis=0)
    return [Pick(seed, int(losses.argmin()), float(cell.seeds * len(cell.rates)))]


def default(cell: Table, seed: int, budget: float) -> Picks:
    return [Pick(seed, cell.place(DEFAULT_RATES[cell.kind]), 1.0)]


def range_test(rule: str) -> Chooser:
    """The sweep of a tenth of the steps at 1.1 runs, of three tenths from 1.3 on; only up to two runs."""

    def picks(cell: Table, seed: int, budget: float) -> Picks:
        share = 0.3 if budget >= 1.3 else 0.1
        if f"{share}_0" not in cell.sweeps or budget >= 2:
            return []
        rates, losses = cell.sweeps[f"{share}_0"]
        found = find(rates, losses[:, seed])
        rate = found.rates.get(rule)
        return [Pick(seed, cell.place(rate if rate else 1e-5), 1 + share)]

    return picks


POLICIES: dict[str, Chooser] = {
    "tune": ours(Tune),
    "tune four at a time": ours(Tune, together=4),
    "race": ours(Race),
    "climb": ours(Climb),
    "halving": ours(Halving),
    "grid around the prior": ours(Grid),
    "grid around the default": default_grid,
    "random": random_search,
    "valley": range_test("valley"),
    "steepest": range_test("steepest"),
    "minimum / 10": range_test("minimum / 10"),
    "slide": range_test("slide"),
}
GRID, GRIDS = "whole grid", "whole grid, all seeds"  # the yardsticks, whatever the budget
