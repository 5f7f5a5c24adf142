"""Two readings of one comparison: seeds at the rate that all chose, and crossed; what holds must hold in both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...problems import Floats
from .student import half_width, moments, two_sided


@dataclass(frozen=True)
class Reading:
    """A mean of `n` ≥ 2 numbers with its standard error, 95 % interval and p-value; all arrays of equal shape."""

    mean: Floats
    error: Floats
    low: Floats
    high: Floats
    p: Floats
    n: int

    @staticmethod
    def of(values: Floats, magnitude: Floats | float | None = None) -> Reading:
        """The reading of numbers over the last axis (see `moments`)."""
        n = values.shape[-1]
        mean, error = moments(values, magnitude)
        half = half_width(error, n)
        return Reading(mean, error, mean - half, mean + half, two_sided(mean, error, n), n)


def hull(one: Reading, other: Reading) -> tuple[Floats, Floats]:
    """The interval that holds both."""
    return np.minimum(one.low, other.low), np.maximum(one.high, other.high)


def larger_p(one: Reading, other: Reading) -> Floats:
    """The larger p-value, or 1 where the readings do not agree on the sign: below 5 % where `hull` leaves out 0.

    With one rate, or one that every half of the seeds chooses, both readings are the same, and this is the paired
    t-test. Where the choice hangs on luck, either alone errs: with all seeds choosing, the strategy with more good
    rates looks better than it is; crossed, the choice that several seeds share is noise that their spread does not
    show.
    """
    return np.where(np.sign(one.mean) * np.sign(other.mean) < 0, 1.0, np.maximum(one.p, other.p))
