"""The range test: what the losses of a short run whose rate rises from update to update say of the best rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .._errors import StepsizeError
from .._language import Note
from ..problems import Floats

MEMORY = 0.9  # of the smoothing, at 100 losses; longer sweeps remember as much longer
FEWEST = 12  # losses from which anything is said
CLEAR = 3.0  # standard deviations that the noise leaves open
SURE = 4.0  # standard deviations that the largest descent stands out of the noise; of noise alone 2 in 100 do
BROKEN = 4.0  # times the lowest loss, above 0: from there on the sweep has diverged
SLIDE_WIDTH = 0.15  # of the sweep
SLIDE_ALIKE = 0.005  # slopes, in loss for each hundredth of the sweep
NOT_ALONE = Note(
    "This alone is not to be trusted: on 24 recorded cells the best of these rules ended 14 % above the best rate in "
    "the mean and 71 % at worst, and on others it diverged; from the edge to the best rate it is 1 to 9 octaves."
)


@dataclass(frozen=True, eq=False)
class Found:
    """What a range test found: the rate of each rule by name, and how far they may be trusted.

    `rate` is the rate in the middle of the rules, None for "cannot tell"; `rates` are then what the rules read from
    noise, as they never say so themselves, or empty. `low` and `high` hold all of them, widened
    by what the noise leaves open. `smoothed` is the smoothed loss at each rate up to `until`, where the sweep broke or
    diverged; `noise` is the standard deviation of a loss around it. `why` says why nothing can be told, or what to
    mind.
    """

    rate: float | None
    low: float | None
    high: float | None
    rates: dict[str, float]
    smoothed: Floats
    noise: float
    until: int
    why: str


def find(rates: Sequence[float] | Floats, losses: Sequence[float] | Floats) -> Found:
    """The rates that the published rules read from a range test: recorded rates, rising, and the loss at each.

    Formula: with s the bias-corrected running mean of the losses, "minimum / 10" is a tenth of the rate of the lowest
    s, "steepest" where s falls fastest per octave, "valley" the middle of the longest falling subsequence, "slide" the
    lower of the last two places, 15 hundredths of the sweep apart, whose slopes hardly differ. Losses count up to the
    first that is not finite, and up to where s exceeds its lowest by a factor of 4. Use it to see where training
    becomes unstable, never as the only evidence. Where the descent does not stand out of the noise, or fewer than 12
    losses are left, nothing is told. Sources: Smith 2017; fastai 2 for the rules.

    >>> import numpy as np
    >>> rates = np.geomspace(1e-4, 10, 100)
    >>> losses = 1 + 1 / (1 + (rates / 0.01) ** 2) + (rates / 1) ** 2
    >>> found = find(rates, losses)
    >>> found.low < found.rate < found.high, sorted(found.rates)
    (True, ['minimum / 10', 'slide', 'steepest', 'valley'])
    >>> find(rates, np.full(100, np.nan)).rate is None
    True
    """
    r, raw = _checked(rates, losses)
    broken = np.flatnonzero(~np.isfinite(raw))
    whole = int(broken[0]) if len(broken) else len(raw)
    if whole < FEWEST:
        told = Note("Cannot tell: only {count} losses were finite before the sweep broke.", count=whole)
        return _silent(raw[:whole], whole, told)
    kept = smooth(raw[:whole])
    until = _diverged(kept)
    s, r = kept[:until], r[:until]
    if until < FEWEST:
        told = Note(
            "Cannot tell: the loss rose to {times:g} times its lowest within {updates} updates.",
            times=BROKEN,
            updates=until,
        )
        return _silent(s, until, told)
    noise = _noise(raw[:until])
    lowest = int(s.argmin())
    spread = noise * math.sqrt(2 * (1 - _memory(whole)))  # of the difference of two smoothed losses
    found = _rules(np.log2(r), s, lowest) if lowest else {}
    if not _stands_out(s, lowest, max(noise, 1e-12), _memory(whole)):
        why = Note("Cannot tell: the loss does not fall by more than its noise.")
        return _silent(s, until, why, noise, {name: float(2.0**x) for name, x in found.items()})
    low, high = _open(np.log2(r), s, lowest, spread)
    powers = sorted(found.values())
    return Found(
        rate=float(2.0 ** np.median(powers)),
        low=float(2.0 ** min(max(low, math.log2(r[0])), powers[0])),  # nothing is known of rates below the sweep
        high=float(2.0 ** max(high, powers[-1])),
        rates={name: float(2.0**x) for name, x in found.items()},
        smoothed=s,
        noise=noise,
        until=until,
        why=NOT_ALONE,
    )


def smooth(losses: Floats) -> Floats:
    """The running mean of losses, corrected for its start.

    Formula: m_t = β·m_{t−1} + (1 − β)·l_t from m_0 = 0, s_t = m_t/(1 − β^t), t from 1.

    >>> smooth(np.array([2.0, 2.0, 2.0])).round(12).tolist()
    [2.0, 2.0, 2.0]
    """
    memory, mean, found = _memory(len(losses)), 0.0, np.empty(len(losses))
    for t, one in enumerate(losses.tolist()):
        mean = memory * mean + (1 - memory) * one
        found[t] = mean / (1 - memory ** (t + 1))
    return found


def _memory(count: int) -> float:
    return float(MEMORY ** min(1.0, 100 / max(count, 1)))


def _checked(rates: Sequence[float] | Floats, losses: Sequence[float] | Floats) -> tuple[Floats, Floats]:
    r, raw = np.asarray(rates, float), np.asarray(losses, float)
    if r.ndim != 1 or raw.shape != r.shape:
        raise StepsizeError(f"find: losses must be one for each rate, not of shape {raw.shape} beside {r.shape}")
    if not (np.isfinite(r).all() and (r > 0).all() and (np.diff(r) > 0).all()):
        raise StepsizeError("find: rates must be above 0 and rise: write numpy.geomspace(1e-6, 10, 100)")
    return r, raw


def _silent(
    smoothed: Floats, until: int, why: str, noise: float = math.nan, rates: dict[str, float] | None = None
) -> Found:
    return Found(None, None, None, rates or {}, smoothed, noise, until, why)


def _diverged(s: Floats) -> int:
    """Up to where the smoothed loss has not diverged: past its lowest it exceeds `BROKEN` times that, or its start."""
    lowest = int(s.argmin())
    bound = BROKEN * s[lowest] if s[lowest] > 0 else s[0] + (s[0] - s[lowest])
    above = np.flatnonzero(s[lowest:] > bound)
    return lowest + int(above[0]) if len(above) else len(s)


def _stands_out(s: Floats, lowest: int, noise: float, memory: float) -> bool:
    """Whether the fall to the lowest smoothed loss is more than the noise of the two losses explains.

    Formula: the variance of s_t is that of a loss times (1 − β)/(1 + β)·(1 + β^t)/(1 − β^t), so that the first ones,
    which are means of few losses, prove little.
    """
    power = memory ** np.arange(1, lowest + 2)
    variance = (1 - memory) / (1 + memory) * (1 + power) / (1 - power)
    falls = (s[:lowest] - s[lowest]) / (noise * np.sqrt(variance[:lowest] + variance[lowest]))
    return bool(falls.max(initial=0.0) > SURE)


def _noise(losses: Floats) -> float:
    """The noise of one loss, from second differences, which a smooth course hardly has.

    The median of their sizes is used, so that the end of the sweep does not count.
    """
    second = np.abs(np.diff(losses, 2)) / math.sqrt(6)
    return float(np.median(second) / 0.6745)


def _rules(x: Floats, s: Floats, lowest: int) -> dict[str, float]:
    """Each rule's rate, as a power of two; the first tenth of the sweep does not count."""
    skipped = min(len(s) // 10, lowest)
    slopes = np.gradient(s, x)[skipped : lowest + 1]
    return {
        "valley": float(x[skipped + _valley(s[skipped:])]),
        "steepest": float(x[skipped + int(slopes.argmin())]),
        "minimum / 10": float(x[lowest] - math.log2(10)),
        "slide": float(x[_slide(s)]),
    }


def _valley(s: Floats) -> int:
    """The middle of the longest falling subsequence, as if its places lay side by side before its end."""
    lengths = np.ones(len(s), int)
    for i in range(1, len(s)):
        lengths[i] += lengths[:i][s[:i] > s[i]].max(initial=0)
    end = int(lengths.argmax())
    third = int(lengths.max()) / 3
    return max(end - int(lengths.max()), 0) + int(third) + int(third / 2)


def _slide(s: Floats) -> int:
    """Backwards from the end, the first pair of places, 15 of 100 apart, whose slopes hardly differ; its lower one."""
    slopes = np.gradient(s) * len(s) / 100
    width = max(1, round(SLIDE_WIDTH * len(s)))
    for right in range(len(s) - 1, width - 1, -1):
        if abs(slopes[right] - slopes[right - width]) <= SLIDE_ALIKE:
            return right - width
    return 0


def _open(x: Floats, s: Floats, lowest: int, spread: float) -> tuple[float, float]:
    """Between which powers of two the noise leaves the rate open: from half of the descent on to where s is lowest."""
    top = float(s[: lowest + 1].max())
    half = np.flatnonzero(s[: lowest + 1] <= (top + s[lowest]) / 2 + CLEAR * spread)
    return float(x[half[0]]) - math.log2(10), float(x[lowest])
