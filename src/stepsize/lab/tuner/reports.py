"""What a loop reported of one trial, and the outcome that a journal keeps of it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from ..._errors import StepsizeError, number, shown, whole
from ..._language import say
from ..records.record import Record
from ..trials.outcome import Outcome
from ..trials.trial import Trial

SLOTS = 40  # of a run: what is compared is the mean of the reports in each


class Reports:
    """The losses of one trial by step, in as many slots as a run has at most; where larger is better, negated.

    Reports of one slot are averaged, so that the losses of single batches can be compared, and so that a loop may
    report at every update. `report` before the first update has a slot of its own. What `finish` says stands alone.
    """

    def __init__(self, trial: Trial, *, maximise: bool = False, slots: Sequence[Sequence[float]] = ()) -> None:
        self.trial, self.sign = trial, -1.0 if maximise else 1.0
        self.slots = [list(one) for one in slots]  # the last step, the sum of the losses, their count
        self.finished = False

    @property
    def made(self) -> int:
        """The step of the last report, 0 before the first one."""
        return int(self.slots[-1][0]) if self.slots else 0

    @property
    def last(self) -> float:
        """The last loss (or score, where larger is better) as it was reported, averaged over its slot."""
        return self.sign * self.slots[-1][1] / self.slots[-1][2] if self.slots else math.nan

    @property
    def finite(self) -> bool:
        """Whether every loss was."""
        return not self.slots or math.isfinite(self.slots[-1][1])

    def add(self, step: Any, loss: Any) -> None:
        """One report, after `step` updates."""
        at = whole("report", "step", step, low=0)
        if at > self.trial.steps:
            told = say(
                "report: step must be at most the {steps} of the trial, not {step}", steps=self.trial.steps, step=at
            )
            raise StepsizeError(told)
        if at < self.made:
            told = say(
                "report: step {step} comes after step {made}: steps count the updates made, rising",
                step=at,
                made=self.made,
            )
            raise StepsizeError(told)
        value = self.sign * loss_in("report", loss)
        if at == 0 and not math.isfinite(value):
            raise StepsizeError(
                say(
                    "report: the loss is {value:g} before the first update, at any rate: look at the data and the "
                    "model",
                    value=value,
                )
            )
        if self.slots and self._slot(at) == self._slot(self.made):
            _, total, count = self.slots[-1]
            self.slots[-1] = [at, total + value, count + 1]
        else:
            self.slots.append([at, value, 1])

    def finish(self, loss: Any) -> None:
        """The loss at the end of the trial, in place of those reported there."""
        value = self.sign * loss_in("finish", loss)
        if self.slots and self.made == self.trial.steps:
            self.slots.pop()
        self.slots.append([self.trial.steps, value, 1])
        self.finished = True

    def break_off(self) -> None:
        """It broke: what was not finite, or died, counts as a loss that is not finite, at the last step."""
        if self.made == 0:
            self.slots.append([1, math.nan, 1])
        else:
            self.slots[-1] = [self.made, math.nan, 1]

    def outcome(self, said: str = "") -> Outcome:
        """What the trial did so far; the one loss that a loop reports stands as training and as validation loss."""
        steps = [int(one[0]) for one in self.slots]
        losses = np.array([total / count for _, total, count in self.slots], dtype=float)
        updates = np.array(steps, dtype=float) > 0
        first, last = (losses[0], losses[-1]) if len(losses) else (math.nan, math.nan)
        record = Record(
            steps=np.array(steps, dtype=int)[updates] - 1,
            losses=losses[updates],
            text=str(self.trial.strategy),
            base=self.trial.rate,
            seed=self.trial.seed,
            planned_steps=self.trial.steps,
            measured_at=tuple(steps),
            measured=losses,
            validated=losses,
            diverged=bool(not math.isfinite(last) or last > first + 1e-12 * abs(first)),
        )
        return Outcome(self.trial, record, said=said)

    def _slot(self, step: int) -> int:
        """The slot of a step; one ends at every mark at which a policy compares."""
        return -(-step * SLOTS // self.trial.steps)


def loss_in(owner: str, loss: Any) -> float:
    """A loss as a number; of a framework's scalar its value; one that is not finite is allowed."""
    if hasattr(loss, "item"):
        try:
            loss = loss.item()
        except (RuntimeError, ValueError, TypeError):  # of an array of several
            raise StepsizeError(f"{owner}: loss must be one number, not {shown(loss)}: write its mean") from None
    if isinstance(loss, float):
        return loss
    return float(number(owner, "loss", loss))
