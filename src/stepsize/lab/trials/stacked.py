"""The stacked engine: many trials of one strategy in step, on arrays whose first axis counts trials."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from ..._errors import StepsizeError
from ...problems import Problem
from ..runs.side_by_side import SideBySide
from .lot import Lot
from .trial import Trial

SHARED = ("steps", "batch_size", "measure_every", "problem")
AT_ONCE = 80  # about where a run costs least, and five seeds of thirteen rates; twice as many leave the cache


@dataclass(frozen=True, eq=False)
class Stacked:
    """Trains trials of a problem side by side in this process: arrays of NumPy, or those that its `start` returns.

    `validation` is the part to choose by, whose loss is also the metric that controllers see; `test` is the part to
    judge by. The trials of a lot share the strategy, each at its own rate, and all but rate and seed.

    >>> from stepsize import problems
    >>> line = problems.least_squares([[1.0], [2.0]], [2.0, 4.0])
    >>> trials = [Trial("mine", "sgd() | 0.1", "line", rate, 0, 50) for rate in (0.01, 0.1)]
    >>> lot = Stacked(line).begin(trials)
    >>> while lot.goes_on():
    ...     lot.update()
    >>> [run.loss < 1e-6 for run in lot.runs()]
    [False, True]
    """

    problem: Problem
    validation: Problem | None = None
    test: Problem | None = None
    at_once: int = AT_ONCE
    name: ClassVar[str] = "stacked"

    def begin(self, trials: Sequence[Trial], saved: Sequence[bytes] = ()) -> Lot:
        """A lot of these trials, from the start or each from what was `saved` of it."""
        return StackedLot(self, trials, saved)


class StackedLot(SideBySide):
    """Trials side by side."""

    def __init__(self, engine: Stacked, trials: Sequence[Trial], saved: Sequence[bytes]) -> None:
        _check_alike(trials)
        self.trials, first = trials, trials[0]
        super().__init__(
            engine.problem,
            first.written,
            [(one.rate, one.seed) for one in trials],
            steps=first.steps,
            batch_size=first.batch_size,
            measure_every=first.measure_every,
            validation=engine.validation,
            test=engine.test,
            saved=saved,
            fingerprint=first.problem,
        )

    def text(self, i: int) -> str:
        return str(self.trials[i].written)


def _check_alike(trials: Sequence[Trial]) -> None:
    """Refuse trials that cannot go in step."""
    if not trials:
        raise StepsizeError("a lot needs at least one trial")
    first = trials[0]
    alike = str(first.strategy)
    for one in trials:
        if str(one.written.with_base(first.rate)) != alike:
            raise StepsizeError(f"the trials of a lot must have one strategy, not {first.text!r} and {one.text!r}")
        for name in SHARED:
            if getattr(one, name) != getattr(first, name):
                told = f"{getattr(first, name)!r} and {getattr(one, name)!r}"
                raise StepsizeError(f"the trials of a lot must have the same {name}, not {told}: begin a lot for each")
