"""Student's t: the mean of few numbers with its interval, a p-value, and how many numbers would show a difference."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from ...problems import Floats

LEVEL = 0.05  # of false positives over all comparisons together, and one minus the coverage of an interval
POWER = 0.8  # of the number of seeds that is named
MOST = 10_000  # seeds; a larger number is not worth naming
ROUNDING = 1e-12  # a spread below this share of the numbers is rounding


@dataclass(frozen=True)
class Estimate:
    """A mean of `n` numbers with its 95 % interval; `low` and `high` are None for one number."""

    value: float
    low: float | None
    high: float | None
    n: int

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return asdict(self)


def moments(values: Floats, magnitude: Floats | float | None = None) -> tuple[Floats, Floats]:
    """Mean and standard error over the last axis (n ≥ 2); an error that is rounding of `magnitude` is 0.

    `magnitude` is that of the numbers of which `values` are differences, otherwise that of the values.
    """
    largest = np.abs(values).max(-1)
    magnitude = largest if magnitude is None else np.maximum(magnitude, largest)
    scale = np.where(largest > 0, largest, 1.0)
    scaled = values / scale[..., None]
    spread = scaled.std(-1, ddof=1) * scale
    error = np.where(spread > ROUNDING * magnitude, spread / np.sqrt(values.shape[-1]), 0.0)
    return scaled.mean(-1) * scale, error


def two_sided(mean: Floats, error: Floats, n: int) -> Floats:
    """The p-value of a mean that is 0 in truth; 1 where there is no spread, since no test is possible then."""
    from scipy.special import stdtr  # here: the first use of scipy takes longer than all else

    safe = np.where(error > 0, error, 1.0)
    p = 2 * stdtr(n - 1, -np.abs(mean / safe))
    return np.where(error > 0, p, 1.0)


def half_width(error: Floats, n: int) -> Floats:
    """Half of the 95 % interval of a mean of n ≥ 2 numbers."""
    from scipy.special import stdtrit

    return np.asarray(error * stdtrit(n - 1, 1 - LEVEL / 2))


def seeds_to_show(mean: float, spread: float, level: float) -> int | None:
    """How many seeds show a difference of this mean and spread with power 80 %, at this level; None above 10,000.

    The power is that of the two-sided t-test, by the non-central t.
    """
    if spread <= 0 or mean == 0 or _power(abs(mean) / spread, MOST, level) < POWER:
        return None
    low, high = 1, MOST  # too few, and enough
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if _power(abs(mean) / spread, middle, level) >= POWER else (middle, high)
    return high


def _power(ratio: float, n: int, level: float) -> float:
    from scipy.special import nctdtr, stdtrit

    shift = ratio * n**0.5
    bound = float(stdtrit(n - 1, 1 - level / 2))
    if shift > bound + 8:  # nctdtr is not made for such shifts, and the power is 1
        return 1.0
    return 1.0 - float(nctdtr(n - 1, shift, bound))
