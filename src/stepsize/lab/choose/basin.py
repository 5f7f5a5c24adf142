"""The posterior of a basin: where the best rate is, and what every other rate loses."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np

from ...problems import Floats
from .prior import Prior
from .seen import Seen

# The shape: the share of the descent (in logs of the loss) that a rate u octaves off the best one loses is s·φ(u), with
# φ(2) = 1; what s may be, below the best rate and above it.
SHAPES = np.log([0.15, 0.2, 0.3, 0.2, 0.15])
BELOW = np.array([0.02, 0.06, 0.15, 0.3, 0.6])
ABOVE = {False: np.array([0.01, 0.04, 0.1, 0.25, 0.6]), True: np.array([0.03, 0.1, 0.3, 0.8, 2.0])}
# The noise of a comparison at the end of the run, in shares of the descent, and how likely each is; by share of the
# run what is added before the end, how much of the final descent is made, and a floor in logs of the loss.
NOISE, LIKELY = np.array([0.015, 0.04, 0.1]), np.log([0.25, 0.5, 0.25])
SHARES = [0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.5, 0.6, 0.75, 0.8, 0.85, 0.9, 0.95, 1]
EARLY = [0.25, 0.15, 0.12, 0.09, 0.075, 0.06, 0.05, 0.045, 0.035, 0.03, 0.02, 0.015, 0.01, 0.005, 0, 0]
FLOOR = 0.05
TRUST = 0.6  # of the likelihood, which knows neither every shape nor that errors go together
MOST = 6.0  # a loss above this many times the best is as bad as any
SURELY = 4.0  # how much a lost run says, in nats, that the best rate is an octave lower
FINEST = 0.5  # octaves between hypotheses
SPREAD = 0.8  # of the log of the whole descent, before anything ran


def early(share: float) -> float:
    """The noise that comparing at this share of the run adds, in shares of the descent."""
    return float(np.interp(share, SHARES, EARLY))


def made(share: float) -> float:
    """How much of the final descent is made by this share of the run, as a rule."""
    return float(np.interp(share, [0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1], [0.55, 0.75, 0.81, 0.87, 0.9, 0.97, 1]))


def lag(share: float) -> float:
    """How many octaves above its final place the basin is so early."""
    return 1.0 if share <= 0.1 else 0.5 if share <= 0.2 else 0.0


@dataclass(frozen=True, eq=False)
class Basin:
    """What is believed of one strategy's basin: hypotheses with weights, and what each says of every rate.

    Formula: the descent log(L(0)/L(η)) at a share of the run is D·(1 − s·φ(log2 η − log2 η*)), φ(u) = u²/(2 + |u|),
    with an s on each side; Student's likelihood with 3 degrees; a comparison is always at the same update of the same
    schedule. `grid` are powers of two, `weights` those of the hypotheses, `places` where each puts the best rate,
    `excess` what a rate's loss is above the best (hypotheses × grid; 0.1 is a tenth), `descent` the whole descent of
    each. Use it to decide what to run, never as the result: what counts is a run's own loss. Early on, a run that has
    not moved yet looks like a flat basin. Source: measured on some thirty cells of
    small tasks.
    """

    grid: Floats
    weights: Floats
    places: Floats
    excess: Floats
    descent: Floats

    @staticmethod
    def fitted(prior: Prior, grid: Floats, runs: Sequence[Seen], at: Sequence[float], budget: float) -> Basin:
        """The posterior after runs at these places of the grid.

        From three runs on, the whole descent has a prior too, so that what has not moved yet is no finished basin.
        """
        shape = _shape(prior.centre, prior.steep, tuple(grid.tolist()))
        tracks = [(int(np.abs(grid - x).argmin()), one) for x, one in zip(at, runs, strict=True) if one.passed]
        weights, descent = _fit(prior, shape, tracks, known=budget >= 3)
        excess = np.minimum(np.expm1(np.minimum(descent[:, None] * shape.lost[0.0], 5)), MOST)
        return Basin(grid, weights, shape.places, excess, descent)

    @cached_property
    def risk(self) -> Floats:
        """The expected excess of each rate."""
        expected: Floats = self.weights @ self.excess
        return expected

    def gain(self, lead: int) -> Floats:
        """What each rate may be expected to win over one of them, if it were known."""
        expected: Floats = self.weights @ self.wins(lead)
        return expected

    def wins(self, lead: int) -> Floats:
        """What each rate wins over one of them under each hypothesis."""
        won: Floats = np.maximum(0, self.excess[:, [lead]] - self.excess)
        return won

    @cached_property
    def reached(self) -> Floats:
        """The whole descent at each rate under each hypothesis, in logs of the loss."""
        found: Floats = self.descent[:, None] - np.log1p(self.excess)
        return found

    def within(self, factor: float, place: int) -> tuple[float, float]:
        """The lowest and the highest rate (powers of two) around a place that are expected within a factor of it."""
        good = self.risk <= (1 + self.risk[place]) * factor - 1
        low = high = place
        while low > 0 and good[low - 1]:
            low -= 1
        while high < len(self.grid) - 1 and good[high + 1]:
            high += 1
        return float(self.grid[low]), float(self.grid[high])

    def interval(self, mass: float = 0.9) -> tuple[float, float]:
        """Between which powers of two the best rate is, with so much belief."""
        order = np.argsort(self.places, kind="stable")
        total = np.cumsum(self.weights[order])
        ends = np.searchsorted(total, [(1 - mass) / 2, (1 + mass) / 2])
        low, high = self.places[order[np.minimum(ends, len(order) - 1)]]
        return float(low), float(high)


@dataclass(frozen=True, eq=False)
class _Shape:
    """Every hypothesis: where the best rate is, and the share lost by every rate, by how far the basin lags."""

    grid: Floats
    places: Floats
    logs: Floats
    lost: dict[float, Floats]


@lru_cache(maxsize=64)
def _shape(centre: float, steep: bool, grid: tuple[float, ...]) -> _Shape:
    low, high = min(grid[0], centre - 13.5), max(grid[-1], centre + 12.5)
    far = np.arange(math.floor(low), math.ceil(high) + 0.01, FINEST)
    places, below, above = (one.ravel() for one in np.meshgrid(far, BELOW, ABOVE[steep], indexing="ij"))
    lost = {}
    for late in (0.0, 0.5, 1.0):
        u = np.array(grid) - places[:, None] - late
        slope = np.where(u < 0, below[:, None], above[:, None])
        lost[late] = np.minimum(slope * u * u / (2 + np.abs(u)), 1.1)
    return _Shape(np.array(grid), places, np.tile((SHAPES[:, None] + SHAPES).ravel(), len(far)), lost)


def _fit(prior: Prior, shape: _Shape, tracks: Sequence[tuple[int, Seen]], known: bool) -> tuple[Floats, Floats]:
    """The weight and the whole descent of every hypothesis."""
    logs = np.tile(LIKELY, (len(shape.places), 1))
    descent = np.full(len(shape.places), 1.5)
    alive = [one.share for _, one in tracks if not one.lost]
    top = max(alive or [one.share for _, one in tracks], default=0.0)
    for share in sorted({one.share for _, one in tracks if one.share <= top + 1e-9}):
        here = [(i, one) for i, one in tracks if one.lost or one.share >= share - 1e-9]
        added, descent = _compared(shape, here, share, top, known)
        logs += added
    for i, one in tracks:
        if one.lost:
            logs -= (SURELY / (1 + np.exp((shape.grid[i] - shape.places - 1) / 0.25)))[:, None]
    logs = (shape.logs + prior.log_density(shape.places))[:, None] + TRUST * logs
    weights = np.exp(logs - logs.max())
    return (weights / weights.sum()).sum(axis=1), descent


def _compared(
    shape: _Shape, here: Sequence[tuple[int, Seen]], share: float, top: float, known: bool
) -> tuple[Floats, Floats]:
    """What comparing runs at one share of their way adds to the log belief, and the whole descent that it says."""
    final = share >= top - 1e-9
    fresh = sum(abs(min(one.share, top) - share) < 1e-9 or (one.lost and final) for _, one in here)
    weight = 1.0 if final else min(1.0, fresh / max(1, len(here) - 1))  # who went on is compared again later
    fell = [one.start - one.level(1 if one.lost else share) for _, one in here]
    won = np.array([max(-0.3, by) if one.lost else by for by, (_, one) in zip(fell, here, strict=True)])
    most = max(float(won.max()), 1e-3)
    won = np.maximum(won, -0.1 * most)
    kept = 1 - shape.lost[lag(share)][:, [i for i, _ in here]]
    noise, floor, usual = early(share), FLOOR * (1 - share), made(share)
    if known:
        rough, wide = (0.04**2 + noise**2) * usual**2 + floor**2, 1 / (SPREAD**2 * usual)
        descent = ((kept @ won) / rough + wide) / ((kept * kept).sum(1) / rough + wide / usual)
        descent = np.maximum(descent, max(0.9 * most, 0.02))
    else:
        descent = (kept @ won) / np.maximum((kept * kept).sum(1), 1e-9)
        descent = np.clip(descent, 0.9 * most, 50 * most)
    sizes = np.sqrt((NOISE**2 + noise**2) * descent[:, None] ** 2 + floor**2)
    z = (won - descent[:, None] * kept)[:, :, None] / sizes[:, None]
    added = weight * (-2 * np.log1p(z * z / 3).sum(1) - len(here) * np.log(sizes / max(most, 0.05)))
    if not known:
        return added, descent / usual
    if final:
        added += (-0.5 * share * np.log(descent / usual) ** 2)[:, None]
    return added, (descent / usual) ** np.interp(share, [0.1, 0.3, 0.75, 1], [0.3, 0.6, 0.9, 1])
