"""Choosing a rate and judging it: with all seeds, and crossed, where the seeds that choose are not those that judge."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ...problems import Floats

Flags = NDArray[np.bool_]


def windows(seeds: int) -> Flags:
    """Which seeds choose together: each run of neighbours, in a circle, that is half of them; windows × seeds.

    An odd number of seeds has the smaller and the larger half. Every seed is left out as often as any other.

    >>> windows(3).astype(int).tolist()
    [[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 1, 0], [0, 1, 1], [1, 0, 1]]
    """
    sizes = sorted({max(1, seeds // 2), seeds - seeds // 2})
    places = np.arange(seeds)
    return np.array([(places - first) % seeds < size for size in sizes for first in places], dtype=bool)


def shared(chooses: Floats) -> Flags:
    """Which seeds every rate has, of all studies alike."""
    return np.asarray(np.isfinite(chooses).all(axis=tuple(range(chooses.ndim - 1))), dtype=bool)


def chosen(chooses: Floats, groups: Flags) -> NDArray[np.intp]:
    """The place of the rate with the lowest mean that each group of seeds chooses; (…, rates, seeds) to (…, groups).

    `chooses` has a number for every seed of a group. Of equal rates it is the first.
    """
    place: NDArray[np.intp] = (chooses @ groups.T.astype(float)).argmin(-2)
    return place


def best(chooses: Floats) -> NDArray[np.intp]:
    """The place of the rate that all seeds choose, those that every rate has; (…, rates, seeds) to (…)."""
    known = shared(chooses)
    return chosen(np.where(known, chooses, 0.0), known[None, :])[..., 0]


def plain(chooses: Floats, judges: Floats) -> Floats:
    """Every seed at the rate that all seeds chose; (…, rates, seeds) to (…, seeds), NaN where it was not run."""
    return np.take_along_axis(judges, best(chooses)[..., None, None], -2)[..., 0, :]


def crossed(chooses: Floats, judges: Floats) -> Floats:
    """Every seed at the rates that halves of the other seeds chose, in the mean over these halves (as `plain`).

    What judges has not chosen: the luck of a run is in both of its losses, so a rate looks better on the seeds that
    chose it than it is. NaN stands where no other seed can choose.
    """
    groups, apart = _groups(chooses)
    place = chosen(np.where(shared(chooses), chooses, 0.0), groups)
    values = np.take_along_axis(judges, place[..., None], -2)  # (…, groups, seeds)
    used = apart & np.isfinite(values)
    count = used.sum(-2)
    total = np.where(used, values, 0.0).sum(-2)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


def picks(chooses: Floats) -> NDArray[np.intp]:
    """The places of all rates that the halves chose, ascending, for one strategy (rates × seeds)."""
    return np.unique(chosen(np.where(shared(chooses), chooses, 0.0), _groups(chooses)[0]))


def _groups(chooses: Floats) -> tuple[Flags, Flags]:
    """The halves that choose, and for each the seeds that it may judge."""
    known, rates = shared(chooses), chooses.shape[-2]
    groups = np.zeros((0, len(known)), dtype=bool)
    if known.any():
        inside = windows(int(known.sum()))
        groups = np.zeros((len(inside), len(known)), dtype=bool)
        groups[:, known] = inside
    return groups, np.ones_like(groups) if rates == 1 else ~groups
