"""A trial: one run of a study as a value, before it is trained."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from typing import Any

from ..._errors import StepsizeError
from ...descents import Rate, descent
from ...text import as_descent, as_strategy

IDENTITY = ("strategy", "problem", "rate", "seed", "steps", "batch_size", "measure_every")


@dataclass(frozen=True)
class Trial:
    """One run that a study may train: what is trained, how, from where, and for how long.

    `text` is the strategy as the user wrote it and `name` what the user calls it; neither decides a number, so two
    writings of one strategy are one trial (see `key`). `problem` is the fingerprint of the problem, `rate` the base
    rate, which takes the place of the text's own, `seed` what decides the start and the order of the batches, `steps`
    the updates that the schedule is made for, `batch_size` the rows of an update (None: all of them), and
    `measure_every` after how many updates the losses are measured. How far a trial is trained today is no part of it:
    it may be paused at any step.

    >>> a = Trial("Adam", "adam(beta1=0.9) | 0.01", "data-1", 0.1, seed=0, steps=500)
    >>> b = Trial("mine", "adam() | 0.01", "data-1", 0.1, seed=0, steps=500)
    >>> a.key == b.key, str(a.strategy)
    (True, 'adam() | 0.1')
    """

    name: str
    text: str
    problem: str
    rate: float
    seed: int
    steps: int
    batch_size: int | None = None
    measure_every: int = 1
    parsed: descent | Rate | None = field(default=None, compare=False, repr=False)

    def __post_init__(self) -> None:
        whole = {"seed": (self.seed, 0), "steps": (self.steps, 1), "measure_every": (self.measure_every, 1)}
        if self.batch_size is not None:
            whole["batch_size"] = (self.batch_size, 1)
        for name, (value, least) in whole.items():
            if type(value) is not int or not least <= value <= 2**53:
                raise StepsizeError(f"Trial: {name} must be a whole number ≥ {least}, not {value!r}")
        if not (isinstance(self.rate, float) and 0 < self.rate < float("inf")):
            raise StepsizeError(f"Trial: rate must be a number above 0, not {self.rate!r}")

    @property
    def strategy(self) -> descent:
        """The strategy that the text says, at this trial's rate."""
        return self.written.with_base(self.rate)

    @property
    def written(self) -> descent:
        """The strategy that the text says, at the text's own rate; of a rate alone an error."""
        return as_descent(self._read())

    @property
    def expression(self) -> descent | Rate:
        """What the text says, at this trial's rate: a strategy, or a rate for an optimizer that the user brings."""
        return self._read().with_base(self.rate)

    def _read(self) -> descent | Rate:
        if self.parsed is None:
            object.__setattr__(self, "parsed", _parsed(self.text))
        assert self.parsed is not None
        return self.parsed

    @cached_property
    def key(self) -> str:
        """Sixteen digits that are equal for equal work, whatever it is called and however it is spelled."""
        told = {"strategy": str(self.expression), **{name: getattr(self, name) for name in IDENTITY[1:]}}
        return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {name: getattr(self, name) for name in FIELDS}

    @staticmethod
    def of(told: dict[str, Any]) -> Trial:
        """The trial of `as_dict`; a KeyError, TypeError, ValueError or StepsizeError says that it is none."""
        found = Trial(**{name: told[name] for name in FIELDS} | {"rate": float(told["rate"])})
        if not all(isinstance(one, str) for one in (found.name, found.text, found.problem)):
            raise TypeError("name, text and problem must be texts")
        return found


FIELDS = tuple(name for name in Trial.__dataclass_fields__ if name != "parsed")


@lru_cache(maxsize=1024)
def _parsed(text: str) -> descent | Rate:
    """What a text says; a study has many trials of few texts."""
    return as_strategy(text)
