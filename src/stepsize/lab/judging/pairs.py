"""Two strategies compared seed by seed: the difference, its interval, its p-value, and what is shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from .readings import Reading, hull, larger_p
from .strategy import Judged
from .student import LEVEL, Estimate, seeds_to_show


@dataclass(frozen=True)
class Pair:
    """The difference `first` − `second` over the seeds that both have.

    `shown` is "first" or "second" (which of the two is shown to be better), "no difference", "no spread" (the
    difference is the same with every seed, so seeds say nothing about chance), "identical", or "not compared". `p` is
    of this pair alone, `p_holm` among all that were made. `seeds_to_show` is how many seeds would show the difference
    that was seen, with power 80 %, where none is shown; None above 10,000.
    """

    first: str
    second: str
    difference: Estimate | None
    p: float | None
    p_holm: float | None
    shown: str
    seeds_to_show: int | None
    common: int

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Difference:
    """A pair before the comparisons are counted: both readings of it, None where fewer than two seeds are common."""

    first: str
    second: str
    readings: tuple[Reading, Reading] | None
    common: int

    @staticmethod
    def of(first: Judged, second: Judged) -> Difference:
        """The differences of two strategies over the seeds that both have."""
        common = len(set(first.losses) & set(second.losses))
        one = _reading(first.losses, second.losses)
        other = _reading(first.crossed, second.crossed)
        return Difference(first.name, second.name, None if one is None or other is None else (one, other), common)

    @property
    def p(self) -> float | None:
        """The p-value, None where there is no spread that it could be made of, or no common seeds."""
        if self.readings is None or all(one.error == 0 for one in self.readings):
            return None
        return float(larger_p(*self.readings))

    def told(self, p_holm: float | None, comparisons: int, sign: int) -> Pair:
        """The pair as one of several comparisons; `sign` is 1 where lower is better."""
        if self.readings is None:
            return Pair(self.first, self.second, None, None, None, "not compared", None, self.common)
        first = self.readings[0]
        low, high = hull(*self.readings)
        difference = Estimate(float(first.mean), float(low), float(high), first.n)
        shown = self._shown(p_holm, sign)
        seeds = self._seeds(comparisons) if shown == "no difference" else None
        return Pair(self.first, self.second, difference, self.p, p_holm, shown, seeds, self.common)

    def _shown(self, p_holm: float | None, sign: int) -> str:
        assert self.readings is not None
        mean = float(self.readings[0].mean)
        if p_holm is None:
            return "identical" if all(one.mean == 0 for one in self.readings) else "no spread"
        if p_holm >= LEVEL:
            return "no difference"
        return "first" if mean * sign < 0 else "second"

    def _seeds(self, comparisons: int) -> int | None:
        """By the reading that shows less; the level is that of the hardest of the comparisons."""
        assert self.readings is not None
        one = max((one for one in self.readings if one.error > 0), key=lambda reading: float(reading.p))
        return seeds_to_show(float(one.mean), float(one.error) * one.n**0.5, LEVEL / comparisons)


def _reading(first: Mapping[int, float], second: Mapping[int, float]) -> Reading | None:
    seeds = sorted(set(first) & set(second))
    if len(seeds) < 2:
        return None
    a, b = (np.array([side[seed] for seed in seeds]) for side in (first, second))
    return Reading.of(a - b, np.maximum(np.abs(a).max(), np.abs(b).max()))
