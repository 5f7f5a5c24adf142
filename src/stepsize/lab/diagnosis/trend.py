"""Robust statistics of a noisy series, in NumPy: block medians, a test for a trend, its slope, autocorrelation."""

from __future__ import annotations

import numpy as np

from ...problems import Floats

AT_ONCE = 20_000  # rows of a sliding window at a time


def scaled(values: Floats) -> Floats:
    """The values over the largest of them, so that units do not matter and nothing overflows."""
    top = float(np.max(np.abs(values), initial=0.0))
    return values / top if top > 0 else np.zeros(len(values))


def blocks(values: Floats, count: int) -> Floats:
    """Medians of `count` blocks of nearly equal length (of single values where there are fewer)."""
    pieces = np.array_split(values, min(count, max(len(values), 1)))
    return np.array([np.median(one) if len(one) else 0.0 for one in pieces])


def kendall(values: Floats) -> float:
    """How surely a series rises (positive) or falls (negative), in standard deviations.

    Formula: z = (S ∓ 1)/√Var S with S = Σ_{i<j} sign(x_j − x_i) and Var S = (n(n−1)(2n+5) − Σ_ties q(q−1)(2q+5))/18.
    Source: Mann 1945, Kendall 1975.
    """
    n = len(values)
    if n < 3:
        return 0.0
    total = float(np.sign(values[None, :] - values[:, None])[np.triu_indices(n, 1)].sum())
    ties = np.unique(values, return_counts=True)[1]
    variance = (n * (n - 1) * (2 * n + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    return float((total - np.sign(total)) / variance**0.5) if variance > 0 else 0.0


def lower(some: Floats, others: Floats) -> float:
    """How surely some values lie below others, in standard deviations.

    Formula: z = (nm/2 − U)/√(nm(n+m+1)/12), where U counts the pairs of which the one of the n lies above (ties
    as halves). Source: Mann, Whitney 1947.
    """
    n, m = len(some), len(others)
    ranked = np.sort(others)
    above = (np.searchsorted(ranked, some, "left") + np.searchsorted(ranked, some, "right")).sum() / 2
    return float((n * m / 2 - above) / max((n * m * (n + m + 1) / 12) ** 0.5, 1e-300))


def theil_sen(x: Floats, y: Floats) -> float:
    """The median slope over all pairs of points. Source: Theil 1950, Sen 1968."""
    i, j = np.triu_indices(len(x), 1)
    apart = x[j] - x[i]
    usable = apart > 0
    return float(np.median((y[j] - y[i])[usable] / apart[usable])) if usable.any() else 0.0


def noise(values: Floats) -> float:
    """The standard deviation of what changes from one value to the next, by the median of the differences."""
    if len(values) < 3:
        return 0.0
    steps = np.diff(values)
    return 1.4826 * float(np.median(np.abs(steps - np.median(steps)))) / 2**0.5


def running_median(values: Floats, window: int) -> Floats:
    """The median of the `window` values around each (an odd number); the ends see their half of it mirrored."""
    half = min(window // 2, max((len(values) - 1) // 2, 0))
    if half == 0:
        return values.copy()
    padded = np.pad(values, half, mode="reflect")
    found = np.empty(len(values))
    for begin in range(0, len(values), AT_ONCE):
        end = min(begin + AT_ONCE, len(values))
        views = np.lib.stride_tricks.sliding_window_view(padded[begin : end + 2 * half], 2 * half + 1)
        found[begin:end] = np.median(views, axis=1)
    return found


def beside(values: Floats, width: int) -> Floats:
    """The larger of the medians of the `width` values before each and of those after it; infinite for the first five.

    What stands above both is a spike; a series that begins high and falls has none.
    """
    count, width = len(values), min(width, max(len(values) // 2, 1))
    padded = np.pad(values, width, mode="edge")
    found = np.empty(count)
    for begin in range(0, count, AT_ONCE):
        end = min(begin + AT_ONCE, count)
        views = np.lib.stride_tricks.sliding_window_view(padded[begin : end + 2 * width], width)
        rows = end - begin
        found[begin:end] = np.maximum(np.median(views[:rows], axis=1), np.median(views[width + 1 :][:rows], axis=1))
    found[:5] = np.inf
    return found


def autocorrelation(values: Floats, lag: int) -> float:
    """How alike a series is to itself `lag` later, from −1 to 1; 0 where it does not vary."""
    around = values - np.mean(values)
    power = float(around @ around)
    return float(around[lag:] @ around[:-lag]) / power if power > 0 and 0 < lag < len(values) else 0.0
