"""A small engine that the tests of places train with, in this process and in others: noisy descents of a bowl."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from stepsize.lab.places.base import Portion
from stepsize.lab.places.recipe import Recipe
from stepsize.lab.records.record import Record
from stepsize.lab.runs.run import Run
from stepsize.lab.trials.trial import Trial

FINGERPRINT = "bowl-1"


@dataclass
class Bowl:
    """The problem: every update sleeps for `seconds`; what `at` a rate says happens there."""

    seconds: float = 0.0
    at: dict[float, str] = field(default_factory=dict)
    fingerprint: str = FINGERPRINT
    packages: tuple[str, ...] = ()

    def engine(self) -> Engine:
        return Engine(self)


@dataclass
class Engine:
    bowl: Bowl
    name: str = "loop"
    at_once: int = 8

    def begin(self, trials: Sequence[Trial], saved: Sequence[bytes] = ()) -> Lot:
        return Lot(self.bowl, trials, saved)


class Lot:
    def __init__(self, bowl: Bowl, trials: Sequence[Trial], saved: Sequence[bytes]) -> None:
        self.bowl, self.trials, self.done = bowl, trials, 0
        self.random = [np.random.default_rng(one.seed) for one in trials]
        self.losses = [[float(one.random() * 4)] for one in self.random]
        for i, one in enumerate(saved):
            told = json.loads(one)
            self.random[i].bit_generator.state, self.losses[i] = told["random"], told["losses"]
            self.done = len(self.losses[i]) - 1

    def goes_on(self) -> bool:
        return self.done < self.trials[0].steps

    def update(self) -> None:
        for i, one in enumerate(self.trials):
            happens(self.bowl.at.get(one.rate, ""), self.done)
            noise = float(self.random[i].standard_normal()) * 0.01
            self.losses[i].append(abs(self.losses[i][-1] * (1 - one.rate) + noise))
        time.sleep(self.bowl.seconds)
        self.done += 1

    def runs(self) -> list[Run]:
        return [Run(self._record(i), None) for i in range(len(self.trials))]

    def saved(self, i: int) -> bytes:
        return json.dumps({"random": self.random[i].bit_generator.state, "losses": self.losses[i]}).encode()

    def _record(self, i: int) -> Record:
        trial, losses = self.trials[i], np.array(self.losses[i])
        return Record(
            steps=np.arange(self.done),
            losses=losses[:-1],
            rates=np.full(self.done, trial.rate),
            clipped=np.zeros(self.done),
            why=("",) * self.done,
            text=str(trial.strategy),
            base=trial.rate,
            seed=trial.seed,
            planned_steps=trial.steps,
            diverged=False,
            measured_at=(0, self.done),
            measured=losses[[0, -1]],
        )


def happens(what: str, done: int) -> None:
    """What a user's function may do in the middle."""
    if what == "dies" and done == 2:
        os.kill(os.getpid(), 9)
    if what == "fails" and done == 2:
        raise ValueError("the data have a hole\nin line 7")
    if what == "exits" and done == 2:
        raise SystemExit("enough")
    if what == "counts":
        import torch

        raise ValueError(f"{torch.get_num_threads()} threads")
    if what == "prints":
        print("hello from the user")


def bowl(seconds: float = 0.0, at: dict[float, str] | None = None, fingerprint: str = FINGERPRINT) -> Bowl:
    return Bowl(seconds, at or {}, fingerprint)


def changing_bowl(seconds: float) -> Bowl:
    """Another problem after somebody has changed a file."""
    return Bowl(seconds, fingerprint="bowl-2" if Path(os.environ["BOWL"]).exists() else FINGERPRINT)


def no_bowl() -> Bowl:
    raise RuntimeError("there is no bowl")


def dead_bowl() -> Bowl:
    os._exit(7)


def recipe(seconds: float = 0.0, at: dict[float, str] | None = None, **options: object) -> Recipe:
    return Recipe(bowl, (seconds, at), options)


def trial(rate: float, seed: int = 0, steps: int = 10, problem: str = FINGERPRINT) -> Trial:
    return Trial("mine", "sgd() | 0.1", problem, rate, seed, steps)


def portions(count: int, size: int = 2, steps: int = 10, until: int | None = None) -> list[Portion]:
    """Portions that differ in their rates and seeds."""
    made = [tuple(trial(0.01 * (i + 1), seed, steps) for seed in range(size)) for i in range(count)]
    return [Portion(one, until=until or steps) for one in made]
