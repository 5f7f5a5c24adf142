"""A budget on the command line: so many runs, so many trials, or so much time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import click as plain

from .._errors import StepsizeError
from .._language import say

UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0}  # by the first letter
RUNS = re.compile(r"(?<=\d)\s*runs?$")
MOST_RUNS = 1000.0
TIME = re.compile(r"(?P<count>[\d.]+)\s*(?P<unit>s|sec|seconds?|min|mins|minutes?|h|hours?)")


@dataclass(frozen=True)
class Budget:
    """What a search may cost: whole runs, and seconds or trials where it is in those (None where it is not)."""

    runs: float
    seconds: float | None = None
    trials: int | None = None


class BudgetKind(plain.ParamType[Budget]):
    """4 (runs), 12trials, 20min, 90s or 2h."""

    name = "BUDGET"

    def convert(self, value: Any, param: plain.Parameter | None, ctx: plain.Context | None) -> Any:
        if isinstance(value, Budget):
            return value
        if "trial" in str(value):
            return self._trials(value, param, ctx)
        try:
            found = TIME.fullmatch(value.strip())
            count = float(found["count"] if found else RUNS.sub("", value))
        except ValueError:
            self.fail(say("{value!r} is no budget: write 4 (runs), 12trials or 20min", value=value), param, ctx)
        if found:
            if not count > 0:
                self.fail(say("{value!r} must be a time above 0, such as 20min", value=value), param, ctx)
            return Budget(MOST_RUNS, count * UNITS[found["unit"][0]])
        if not 1 <= count <= MOST_RUNS:
            told = say(
                "{value!r} must be from 1 to {most:.0f} runs (4 is a good start), or a time",
                value=value,
                most=MOST_RUNS,
            )
            self.fail(told, param, ctx)
        return Budget(count)

    def _trials(self, value: Any, param: plain.Parameter | None, ctx: plain.Context | None) -> Any:
        from ..lab.choose.budget import runs_and_trials

        try:
            runs, trials = runs_and_trials("tune", str(value))
        except StepsizeError:
            told = say(
                "{value!r} must be a whole number of trials from 1 to {most:.0f}, such as 12trials",
                value=value,
                most=MOST_RUNS,
            )
            self.fail(told, param, ctx)
        return Budget(runs, trials=trials)
