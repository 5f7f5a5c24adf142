"""One scheduled expression with its controllers: what they need, what they decided, what they remember."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Any

from .._errors import StepsizeError
from ..observed import seen
from ..quantities import NOT_AT_FIRST
from .ahead import Ahead
from .targets import Target

COMES = ("loss", "metric", "grad_norm")  # what a scheduler can be given
COMES_BETWEEN = ("metric",)  # measured between updates, when somebody evaluates; everything else at every update


class Controlled:
    """An expression, the states of the controllers inside it, and their last factors."""

    __slots__ = ("ahead", "answers", "control", "controllers", "target")

    def __init__(self, target: Target) -> None:
        self.controllers: tuple[Any, ...] = target.factor.controllers
        self.control: list[Any] = [one.init() for one in self.controllers]
        self.answers: list[float] = [1.0 for _ in self.controllers]
        self.change(target)

    def change(self, target: Target) -> None:
        """Another expression around the same controllers."""
        self.target, self.ahead = target, Ahead(target.factor)

    def at(self, t: int) -> float:
        """The factor of update `t`, with what the controllers said last; before a part has begun, its first."""
        t = max(t, 0)
        if not self.controllers:
            return self.ahead.at(t)
        return self.target.factor.with_control(t, tuple(self.answers))

    def without_control(self, t: int) -> float:
        """The factor of update `t` where every controller answers 1."""
        return self.target.factor.with_control(t, tuple(1.0 for _ in self.controllers))

    @property
    def needs(self) -> set[str]:
        """The quantities that its controllers look at."""
        return {name for one in self.controllers for name in one.needs}

    def decide(self, now: seen, fresh: set[str], measured: bool = False) -> list[str]:
        """Ask every controller for which a `fresh` quantity completes what it looks at; returns what they said.

        `measured` says that an update was looked at whole: what is not there then cannot be there yet.
        """
        said, answers, control = [], list(self.answers), list(self.control)
        may_lack = NOT_AT_FIRST if measured else set()
        for i, one in enumerate(self.controllers):
            awaited = set(one.needs).difference(COMES_BETWEEN) or set(one.needs)
            if awaited & (fresh | may_lack) and all(getattr(now, name) is not None for name in awaited - may_lack):
                answers[i], control[i], why = one.step(control[i], now)
                said += [f"{one.word()}: {why}"] if why else []
        self.answers, self.control = answers, control  # all or none: a trial may have raised
        return said

    def saved(self) -> dict[str, Any]:
        """What resume needs, in lists and numbers."""
        return {"states": _lists(self.control), "factors": list(self.answers)}

    def restore(self, saved: dict[str, Any]) -> None:
        """The opposite of `saved`."""
        states, factors = [_tuples(one) for one in saved["states"]], [float(one) for one in saved["factors"]]
        if not len(states) == len(factors) == len(self.controllers):
            raise ValueError(f"{len(states)} states and {len(factors)} factors of {len(self.controllers)} controllers")
        self.control, self.answers = states, factors


def check_shown(needs: set[str], shown: Collection[str]) -> None:
    """Refuse a controller that looks at what a scheduler is never shown."""
    for name in sorted(needs.difference(shown)):
        raise StepsizeError(
            f"Scheduler: a controller needs {name}, which a scheduler never sees (only {', '.join(COMES)}): write the "
            "whole strategy with stepsize.adapters.torch.optimizer, which measures it"
        )


def check_given(missing: set[str], update: int) -> None:
    """Refuse an update at which a controller would look at something that nobody passed."""
    for name in sorted(missing.difference(COMES_BETWEEN)):
        raise StepsizeError(
            f"Scheduler: a controller needs the {name} of update {update}: write scheduler.step({name}={name}), or "
            f"scheduler.see({name}={name}) before it"
        )


def check_finite(values: dict[str, float], update: int) -> None:
    """Refuse a NaN or infinite quantity by name."""
    for name, value in values.items():
        if not math.isfinite(value):
            raise StepsizeError(
                f"Scheduler: the {name} of update {update} is {value}: leave the update out with "
                'scheduler.step(skipped=True), or build Scheduler(…, on_nonfinite="hold") to let controllers hold'
            )


def _lists(state: Any) -> Any:
    return [_lists(one) for one in state] if isinstance(state, (tuple, list)) else state


def _tuples(state: Any) -> Any:
    return tuple(_tuples(one) for one in state) if isinstance(state, (tuple, list)) else state
