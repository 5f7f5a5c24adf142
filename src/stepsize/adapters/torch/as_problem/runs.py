"""Runs: what is trained of many runs, the rows they see and what they carry, and the parts that one call takes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ....problems import Rows

Tensors = dict[str, Tensor]
MASKS = "masks"  # among what is carried: what tells the random numbers of one run from those of another


class Runs(NamedTuple):
    """Parameters and what is carried, with runs as their first axis, and a line of rows for each group of runs."""

    own: Tensors
    rows: Rows | None  # of a part: one line where all its runs share it, else one for each
    kept: Tensors

    @property
    def many(self) -> int:
        """The runs."""
        return len(next(iter(self.own.values())))

    @property
    def alike(self) -> int:
        """How many runs in a row see the same rows."""
        return self.many if self.rows is None else self.many // len(self.rows)

    def part(self, part: slice) -> Runs:
        """Some of them."""
        lines = self.rows
        if lines is not None:
            places = np.arange(part.start, part.stop) // self.alike
            lines = lines[places[0]] if places[0] == places[-1] else lines[places]
        if part.stop - part.start == self.many:
            return Runs(self.own, lines, self.kept)
        own, kept = ({name: one[part] for name, one in some.items()} for some in (self.own, self.kept))
        return Runs(own, lines, kept)

    def parts(self, block: int, most: int) -> Iterator[Runs]:
        """All of them, at most so many at once, none from two blocks."""
        for begin in range(0, self.many, block):
            for first in range(begin, begin + block, most):
                yield self.part(slice(first, min(first + most, begin + block)))

    def seeds(self, first_row: int) -> list[int]:
        """What a pass draws by: the run's number and its rows where it has one, else its rows, else its parameters."""
        if MASKS in self.kept:
            numbers, rows = self.kept[MASKS].tolist(), self.rows
            lines = [rows] * len(numbers) if rows is None or rows.ndim == 1 else list(rows)
            begun = [[] if one is None else [one] for one in lines]
            return [_checksum([*line, np.array([n, first_row])]) for line, n in zip(begun, numbers, strict=True)]
        if self.rows is not None:
            return [_checksum([self.rows])]
        return [_checksum((one.to("cpu", torch.float64).numpy() for one in self.own.values()), first_row)]


def _checksum(arrays: Iterable[Any], begin: int = 0) -> int:
    for one in arrays:
        begin = zlib.crc32(one.tobytes(), begin)
    return begin


def number_of(seed: int, run: int) -> int:
    """A number for a run of a seed, such that each update's, one more than the last, belongs to no other run's."""
    return _checksum([np.array([seed, run])]) << 24
