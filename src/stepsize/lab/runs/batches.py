"""Batches: which rows each of many runs sees at an update, drawn once for all runs of a seed."""

from __future__ import annotations

from itertools import groupby
from math import gcd

import numpy as np

from ...problems import Rows


class Batches:
    """Row indices of one seed: each epoch a new order, every batch full (a short rest joins the next epoch)."""

    def __init__(self, size: int | None, batch_size: int | None, seed: int) -> None:
        self.size, self.batch_size = size or 0, batch_size or 0
        self.random = np.random.default_rng(seed)
        self.left: Rows = np.empty(0, dtype=np.intp)

    def next(self) -> Rows:
        """The rows of the next batch."""
        while len(self.left) < self.batch_size:
            self.left = np.concatenate([self.left, self.random.permutation(self.size)])
        batch, self.left = self.left[: self.batch_size], self.left[self.batch_size :]
        return batch

    def go_on(self, random: np.random.Generator, left: Rows) -> None:
        """Go on from what was kept of another; an error of its type or value says that it is none."""
        if not isinstance(random, np.random.Generator) or left.dtype != np.intp or left.ndim != 1:
            raise TypeError("these are no batches")
        if len(left) and not 0 <= left.min() <= left.max() < self.size:
            raise ValueError("these are rows of other data")
        self.random, self.left = random, left


def in_groups(seeds: list[int]) -> list[int]:
    """The seed of each line of rows, where every line serves as many consecutive runs as every other.

    Runs seed by seed need one line a seed; where a run is missing, lines are written more than once.

    >>> in_groups([0, 0, 0, 7, 7, 7]), in_groups([0, 0, 0, 0, 7, 7]), in_groups([0, 0, 7])
    ([0, 7], [0, 0, 7], [0, 0, 7])
    """
    lengths = [len(list(some)) for _, some in groupby(seeds)]
    return seeds[:: gcd(*lengths)]
