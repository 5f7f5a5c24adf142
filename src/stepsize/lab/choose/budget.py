"""A budget as people write it: whole runs, or so many trials."""

from __future__ import annotations

import re

from ..._errors import StepsizeError, number
from ..._language import say

TRIALS = re.compile(r"(?P<count>\d+)\s*trials?")
MOST = 1000


def runs_and_trials(owner: str, budget: float | str) -> tuple[float, int | None]:
    """The runs that a search may cost, and how many trials it may begin, None where that is not said.

    `budget` is a number of whole runs, ≥ 1, or a text such as "12trials": as many trials may be begun, whether they are
    finished or stopped; one that pauses and goes on counts once, another seed is another trial, and what the folder
    holds of the same search counts. Each is at most a whole run.

    >>> runs_and_trials("Tuner", 4), runs_and_trials("Tuner", "12trials")
    ((4.0, None), (12.0, 12))
    """
    found = TRIALS.fullmatch(budget.strip()) if isinstance(budget, str) else None
    if isinstance(budget, str) and found is None:
        raise StepsizeError(
            say(
                '{owner}: budget must be a number of runs, or trials such as "12trials", not {budget!r}',
                owner=owner,
                budget=budget,
            )
        )
    if found is None:
        return float(number(owner, "budget", budget, low=1)), None
    trials = int(number(owner, "budget in trials", int(found["count"][:19]), low=1, high=MOST))
    return float(trials), trials
