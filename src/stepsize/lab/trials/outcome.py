"""An outcome: what a trial did so far, as the journal keeps it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...course.log import finite
from ...problems import Floats
from ..records.lines import packed, unpacked
from ..records.record import Record
from ..records.thinned import thinned
from ..runs.run import Run
from .trial import Trial


@dataclass(frozen=True)
class Outcome:
    """What a trial did so far: its record, and what its controllers and clips did.

    The record is `thinned`; `clipped` is the mean share of elements that a clip limited, `acted` at how many updates a
    controller said something, and `said` the last of it, over all updates. `environment` is the versions that it was
    trained with, in words.
    """

    trial: Trial
    record: Record
    clipped: float = 0.0
    acted: int = 0
    said: str = ""
    environment: str = ""

    @staticmethod
    def of_run(trial: Trial, run: Run, environment: str = "") -> Outcome:
        """The outcome of a run, or of its beginning."""
        told = [one for one in run.why if one]
        share = float(run.clipped.mean()) if len(run.clipped) else 0.0
        return Outcome(trial, thinned(run.record), share, len(told), told[-1] if told else "", environment)

    @property
    def made(self) -> int:
        """The updates made."""
        return self.record.made

    @property
    def diverged(self) -> bool:
        """Whether it diverged: a number stopped being finite, or it ended above the loss it began with."""
        return bool(self.record.diverged)

    @property
    def over(self) -> bool:
        """Whether nothing is left to train: it made all its updates, or stopped being finite."""
        if self.made >= self.trial.steps:
            return True
        last = self.record.measured
        return last is not None and len(last) > 0 and math.isnan(last[-1])

    @property
    def measured_at(self) -> tuple[int, ...]:
        """After how many updates the losses were measured."""
        return self.record.measured_at or ()

    @property
    def train(self) -> tuple[float | None, ...]:
        """The loss on all training data there, None where it was not finite."""
        return _finite(self.record.measured, len(self.measured_at))

    @property
    def validation(self) -> tuple[float | None, ...]:
        """The loss on the validation problem there, None where it was not finite or there is none."""
        return _finite(self.record.validated, len(self.measured_at))

    @property
    def test(self) -> tuple[float | None, ...]:
        """The loss on the part that judges, None where it was not finite or there is none."""
        return _finite(self.record.tested, len(self.measured_at))

    @property
    def rates(self) -> tuple[float, ...]:
        """The rate of the update that each measurement comes before, of the last update for the last one."""
        steps, rates = self.record.steps, self.record.rates
        if rates is None or not len(steps):
            return ()
        places = np.searchsorted(steps, np.minimum(self.measured_at, steps[-1]))
        return tuple(rates[places].tolist())

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        told = {"clipped": self.clipped, "acted": self.acted, "said": self.said, "environment": self.environment}
        return {"trial": self.trial.as_dict(), **told, "record": packed(self.record)}

    @staticmethod
    def of(told: dict[str, Any], source: str = "") -> Outcome:
        """The outcome of `as_dict`; an error of `lines.BROKEN` or a StepsizeError says that it is none."""
        trial, record = Trial.of(told["trial"]), unpacked(told["record"], source)
        if (type(told["acted"]), type(told["said"]), type(told["environment"])) != (int, str, str):
            raise TypeError("this is no outcome")
        mine = (record.base, record.seed, record.planned_steps) == (trial.rate, trial.seed, trial.steps)
        if not mine or record.measured is None or not record.measured_at or record.made > trial.steps:
            raise ValueError("this is no outcome of that trial")
        return Outcome(trial, record, float(told["clipped"]), told["acted"], told["said"], told["environment"])


def _finite(column: Floats | None, count: int) -> tuple[float | None, ...]:
    if column is None:
        return (None,) * count
    return tuple(map(finite, column.tolist()))
