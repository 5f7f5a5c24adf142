"""How far a loss goes up and down by chance: relative to its level, to how it was logged, and to its digits."""

from __future__ import annotations

import numpy as np

from ...problems import Floats
from .trend import noise

OUT, DEVIATION = 0.8, 1.2816  # the quantile of the distances from the median, and that of a normal law
WINDOW = 24  # rows of which the noise is measured together
CALM = 0.25  # the quantile of the windows: what follows an explosion is restless for a while
AVERAGED = (0.5, 1.3)  # of the second lag over the first, less one: 0 is noise, 1 a running average of noise, 3 a slope
HEAVY = 1.5  # of the logarithm of a loss that is the square of one number from a normal law
NEAR, OFTEN, RISES, LOSES = 0.6, 0.2, 0.15, 0.7  # of the fastest fall, of the rows, of the rows, in a logarithm
MOST = 0.95  # the longest running average that is believed


def relative_noise(losses: Floats) -> float:
    """The standard deviation of the logarithm of a loss by chance, early in the run; 0 where losses are not positive.

    A loss that is a mean of squares varies in proportion to its level, so late, quiet rows say nothing of early ones.
    It is that of the calmer windows of the first half, and that of the rows before they were averaged, where they were.
    """
    early = losses[: max(len(losses) // 2, min(len(losses), 2 * WINDOW))]
    if len(early) < 3 or early.min() < 0 or not (early > 0).any():
        return 0.0
    logs = np.log(np.maximum(early, early[early > 0].min() / 2))  # a small loss may have been rounded to 0
    steps = np.diff(logs)
    parts = np.array_split(steps, max(len(logs) // WINDOW, 1))
    found = float(np.quantile([_spread(one) for one in parts], CALM)) / 2**0.5 / (1 - averaging(logs))
    return max(found, HEAVY) if _creeps_back(steps) else found


def averaging(values: Floats) -> float:
    """The weight of the past in a running average that was logged in place of the values; 0 where there is none.

    Formula: an average x ← φx + (1−φ)e of noise e has differences at lag 2 with 1 + φ times the variance of those at
    lag 1; noise itself has 1 time, a smooth curve 4 times.
    """
    if len(values) < 4 * WINDOW:
        return 0.0
    one, two = (_spread(values[lag:] - values[:-lag]) for lag in (1, 2))
    past = (two / one) ** 2 - 1 if one > 0 else 0.0
    return min(past, MOST) if AVERAGED[0] < past < AVERAGED[1] else 0.0


def _creeps_back(steps: Floats) -> bool:
    """Whether a logarithm often rises, and falls by one and the same most again and again: so averages forget a leap.

    The running average of losses that are now near 0 and now high is a staircase of leaps, each forgotten at one rate.
    """
    fastest = -float(steps.min())
    near = np.mean(steps < -NEAR * fastest)
    return bool(len(steps) >= 4 * WINDOW - 1 and 0 < fastest < LOSES and near > OFTEN and np.mean(steps > 0) > RISES)


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
    """The standard deviation of a loss by chance where the run begins, and half its last digit at least."""
    rough = noise(losses) / (1 - averaging(losses))
    return max(rough, relative_noise(losses) * abs(float(losses[0])), resolution(losses) / 2)


def _spread(differences: Floats) -> float:
    """Their standard deviation, by a quantile far enough out to see an average that leaps and creeps back."""
    return float(np.quantile(np.abs(differences - np.median(differences)), OUT)) / DEVIATION
