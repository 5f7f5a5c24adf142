"""A sweep: one run whose rate rises from update to update, its losses, and what they say of the best rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import StepsizeError, number, whole
from ..problems import Floats
from .log import finite
from .range_test import FEWEST, NOT_ALONE, Found, find

LOW, HIGH = 1e-7, 10.0  # fastai's; 1, where Lightning's ends, is below the best rate of plain descent on small models
UPDATES = 100  # of fastai, Lightning and torch-lr-finder


@dataclass(frozen=True, eq=False)
class Swept:
    """A range test that was made: the rate and the loss of every update, and what is found in them.

    `losses` are NaN from the update on that broke. `about` says in a few words what was trained, `instead` what to do
    rather than to trust this alone. As text it is the whole answer.
    """

    rates: Floats
    losses: Floats
    found: Found
    about: str
    instead: str

    @property
    def rate(self) -> float | None:
        """The rate in the middle of the rules; None for "cannot tell"."""
        return self.found.rate

    @property
    def rules(self) -> dict[str, float]:
        """The rate of each rule by name; none for "cannot tell"."""
        return {} if self.rate is None else dict(self.found.rates)

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON; None for a number that there is not."""
        found = self.found
        return {
            "about": self.about,
            "rate": found.rate,
            "low": found.low,
            "high": found.high,
            "rules": self.rules,
            "noise": finite(found.noise),
            "why": found.why,
            "instead": self.instead,
            "rates": self.rates.tolist(),
            "losses": list(map(finite, self.losses.tolist())),
            "until": found.until,
        }

    def __str__(self) -> str:
        return "\n".join([f"{self.about}: {self._span()}", *self._told(), f"Do instead: {self.instead}"])

    def _span(self) -> str:
        return f"{len(self.rates)} updates, rate {self.rates[0]:.3g} to {self.rates[-1]:.3g}"

    def _told(self) -> list[str]:
        found = self.found
        if found.rate is None:
            return [found.why, *self._advice()]
        longest = max(map(len, found.rates))
        rules = [f"  {name:<{longest}}  {rate:.2g}" for name, rate in found.rates.items()]
        middle = f"In the middle {found.rate:.2g}; what the rules and the noise leave open: {found.low:.2g} to "
        return [*self._course(), *rules, f"{middle}{found.high:.2g}", *self._advice(), NOT_ALONE]

    def _course(self) -> list[str]:
        """Where the loss was lowest, how the sweep ended, and the noise."""
        found, lowest = self.found, int(self.found.smoothed.argmin())
        told = f"The smoothed loss was lowest at rate {self.rates[lowest]:.2g} ({found.smoothed[lowest]:.4g})"
        if found.until < len(self.rates):
            told += f", and the sweep broke at rate {self.rates[found.until]:.2g}"
        return [f"{told}; noise of one loss {found.noise:.2g}."]

    def _advice(self) -> list[str]:
        """How another sweep could see more."""
        found, last = self.found, len(self.rates)
        if found.rate is not None:
            falling = found.until == last and int(found.smoothed.argmin()) >= last - 1
            return [f"The loss still falls at the end: sweep to a rate above {self.rates[-1]:.3g}."] if falling else []
        if found.until < FEWEST:
            return [f"Sweep from a rate below {self.rates[0]:.3g}, and see whether the loss is finite at the start."]
        return ["A longer sweep or a larger batch has less noise; if the loss never falls, look at the model first."]


def rising(low: float, high: float, updates: int) -> Floats:
    """The rates of a sweep, each by the same factor above the one before; what does not fit is an error.

    >>> rising(1e-4, 1, 12).round(5).tolist()[::11]
    [0.0001, 1.0]
    """
    low = number("find", "low", low, above=0)
    high = number("find", "high", high, above=0)
    if not high > low:
        raise StepsizeError(f"find: high must be above low, {low:g}, not {high:g}: write low={LOW:g}, high={HIGH:g}")
    count = whole("find", "updates", updates, low=FEWEST)
    return low * (high / low) ** (np.arange(count) / (count - 1))


def swept(rates: Floats, one_update: Callable[[int], float], about: str, instead: str) -> Swept:
    """Make an update at each rate, up to the first whose loss is not finite, and read what was found.

    `one_update` makes the update of a number and returns its loss, NaN where it broke.

    >>> print(swept(rising(1e-3, 10, 60), lambda t: 1.0, "a flat loss", "look at the model").found.why)
    Cannot tell: the loss does not fall by more than its noise.
    """
    losses = np.full(len(rates), math.nan)
    for t in range(len(rates)):
        losses[t] = one_update(t)
        if not math.isfinite(losses[t]):
            break
    return Swept(rates, losses, find(rates, losses), about, instead)
