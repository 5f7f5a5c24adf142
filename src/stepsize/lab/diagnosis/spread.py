"""How far a loss goes up and down by chance: relative to its level, to how it was logged, and to its digits."""

from __future__ import annotations

import numpy as np

from ...problems import Floats
from .trend import noise

WINDOW = 12  # rows of which the noise is measured together
CALM = 0.25  # the quantile of the windows: what follows an explosion is restless for a while
AVERAGED = (0.5, 1.3)  # of the second lag over the first, less one: 0 is noise, 1 a running average of noise, 3 a slope
MOST = 0.95  # the longest running average that is believed


def relative_noise(losses: Floats) -> float:
    """The standard deviation of the logarithm of a loss by chance, early in the run; 0 where losses are not positive.

    A loss that is a mean of squares varies in proportion to its level, so late and quiet rows say nothing of early ones.
    It is that of the calmer windows of the first half, and that of the rows before they were averaged, where they were.
    """
    early = losses[: max(len(losses) // 2, min(len(losses), 2 * WINDOW))]
    if len(early) < 3 or not (early > 0).all():
        return 0.0
    logs = np.log(early)
    parts = np.array_split(logs, max(len(logs) // WINDOW, 1))
    return float(np.quantile([noise(one) for one in parts], CALM)) / (1 - averaging(logs))


def averaging(values: Floats) -> float:
    """The weight of the past in a running average that was logged in place of the values; 0 where there is none.

    Formula: an average x ← φx + (1−φ)e of noise e has differences at lag 2 with 1 + φ times the variance of those at
    lag 1; noise itself has 1 time, a smooth curve 4 times.
    """
    if len(values) < 2 * WINDOW:
        return 0.0
    one, two = (_spread(values[lag:] - values[:-lag]) for lag in (1, 2))
    past = (two / one) ** 2 - 1 if one > 0 else 0.0
    return min(past, MOST) if AVERAGED[0] < past < AVERAGED[1] else 0.0


def resolution(values: Floats) -> float:
    """The distance of neighbouring numbers where they were rounded so that many are equal; else 0."""
    found = np.unique(values)
    if not 1 < len(found) <= len(values) / 2:
        return 0.0
    apart = np.diff(found)
    step = float(apart.min())
    times = apart / step
    return step if bool(np.abs(times - np.round(times)).max() < 1e-3) else 0.0


def by_chance(losses: Floats) -> float:
    """The standard deviation of a loss by chance at the level where the run begins, and half its last digit at least."""
    rough = noise(losses) / (1 - averaging(losses))
    return max(rough, relative_noise(losses) * abs(float(losses[0])), resolution(losses) / 2)


def _spread(differences: Floats) -> float:
    return float(np.median(np.abs(differences - np.median(differences))))
