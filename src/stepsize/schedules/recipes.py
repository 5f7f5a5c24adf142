"""Recipes: functions that return compositions of shapes; print one and see what it is made of."""

from __future__ import annotations

from .._errors import StepsizeError, number
from .shapes import stages

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..lengths import Length


def multistep(*at: Length, gamma: float = 0.1) -> stages:
    """Times `gamma` at each boundary, as published recipes say it.

    Formula: f(t) = gamma^(number of boundaries reached). Use it to follow published recipes ("÷10 at 50 % and
    75 %"); `stages(…, at=…)`, which it returns, takes any factors. `at` are rising lengths, `gamma` > 0. A new value
    holds from its boundary on. After the last boundary its value holds.

    >>> multistep(30, 60)
    stages(1.0, 0.1, 0.010000000000000002, at=(30, 60))
    """
    if not at:
        raise StepsizeError('multistep needs at least one boundary: write multistep("50%", "75%")')
    ratio = number("multistep", "gamma", gamma, above=0)
    return stages(*(float(ratio) ** i for i in range(len(at) + 1)), at=at)
