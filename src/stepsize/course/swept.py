"""A sweep: one run whose rate rises from update to update, its losses, and what they say of the best rate."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._errors import StepsizeError, number, whole
from .._language import heard, say
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
        return "\n".join([self._span(), *self._told(), say("Do instead: {instead}", instead=self.instead)])

    def _span(self) -> str:
        return say(
            "{about}: {updates} updates, rate {low:.3g} to {high:.3g}",
            about=self.about,
            updates=len(self.rates),
            low=self.rates[0],
            high=self.rates[-1],
        )

    def _told(self) -> list[str]:
        found = self.found
        if found.rate is None:
            return [heard(found.why), *self._advice()]
        longest = max(map(len, found.rates))
        rules = [f"  {name:<{longest}}  {rate:.2g}" for name, rate in found.rates.items()]
        middle = say(
            "In the middle {rate:.2g}; what the rules and the noise leave open: {low:.2g} to {high:.2g}",
            rate=found.rate,
            low=found.low,
            high=found.high,
        )
        return [self._course(), *rules, middle, *self._advice(), heard(NOT_ALONE)]

    def _course(self) -> str:
        """Where the loss was lowest, how the sweep ended, and the noise."""
        found, lowest = self.found, int(self.found.smoothed.argmin())
        rate, loss, noise = self.rates[lowest], found.smoothed[lowest], found.noise
        if found.until == len(self.rates):
            return say(
                "The smoothed loss was lowest at rate {rate:.2g} ({loss:.4g}); noise of one loss {noise:.2g}.",
                rate=rate,
                loss=loss,
                noise=noise,
            )
        return say(
            "The smoothed loss was lowest at rate {rate:.2g} ({loss:.4g}), and the sweep broke at rate {broke:.2g}; "
            "noise of one loss {noise:.2g}.",
            rate=rate,
            loss=loss,
            broke=self.rates[found.until],
            noise=noise,
        )

    def _advice(self) -> list[str]:
        """How another sweep could see more."""
        found, last = self.found, len(self.rates)
        if found.rate is not None:
            falling = found.until == last and int(found.smoothed.argmin()) >= last - 1
            on = say("The loss still falls at the end: sweep to a rate above {rate:.3g}.", rate=self.rates[-1])
            return [on] if falling else []
        if found.until < FEWEST:
            return [
                say(
                    "Sweep from a rate below {rate:.3g}, and see whether the loss is finite at the start.",
                    rate=self.rates[0],
                )
            ]
        return [
            say("A longer sweep or a larger batch has less noise; if the loss never falls, look at the model first.")
        ]


def rising(low: float, high: float, updates: int) -> Floats:
    """The rates of a sweep, each by the same factor above the one before; what does not fit is an error.

    >>> rising(1e-4, 1, 12).round(5).tolist()[::11]
    [0.0001, 1.0]
    """
    low = number("find", "low", low, above=0)
    high = number("find", "high", high, above=0)
    if not high > low:
        raise StepsizeError(
            say(
                "find: high must be above low, {low:g}, not {high:g}: write low={least:g}, high={most:g}",
                low=low,
                high=high,
                least=LOW,
                most=HIGH,
            )
        )
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
