"""A part of the data as batches: a DataLoader, a function that builds one, a dataset, or arrays."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from ...._errors import StepsizeError
from ..as_problem.rows import fitted, read_rows
from .attempts import as_training, attempt

AT_ONCE = 1024  # rows of a part that is only looked at


@dataclass(frozen=True, eq=False)
class Part:
    """One part of the data, as the user gave it: "data", "validation" or "test"."""

    name: str
    given: Any

    def __post_init__(self) -> None:
        given = self.given
        if isinstance(given, (tuple, list)) and not isinstance(given, Dataset):
            with as_training():
                object.__setattr__(self, "given", TensorDataset(*read_rows(tuple(given))))
        elif not isinstance(given, (DataLoader, Dataset)) and not callable(given):
            raise StepsizeError(
                f"training: {self.name} must be a DataLoader, a function of the seed that builds one, a dataset, or "
                f"(inputs, targets), not {type(given).__name__}"
            )

    @property
    def is_built(self) -> bool:
        """Whether a function builds it for each seed."""
        return not isinstance(self.given, (DataLoader, Dataset))

    @property
    def own_batches(self) -> bool:
        """Whether the user's loader decides how many rows a batch has."""
        return not isinstance(self.given, Dataset)

    @property
    def size(self) -> int | None:
        """The rows, as far as they can be counted without building anything."""
        return None if self.is_built else counted(getattr(self.given, "dataset", self.given))

    def loader(self, seed: int, batch_size: int | None, like: Tensor) -> Any:
        """The batches of a seed; to be called where the run's random numbers are drawn.

        The user's DataLoader comes as a copy whose workers end with the epoch: workers that stay would carry random
        numbers over from an epoch, or a run, to the next.
        """
        if isinstance(self.given, DataLoader):
            own = copy.copy(self.given)
            vars(own)["persistent_workers"] = False  # which DataLoader lets nobody assign
            return own
        if isinstance(self.given, Dataset):
            return self._of_dataset(self.given, seed, batch_size, like)
        made = attempt(f"building {self.name}", lambda: self.given(seed))
        if not isinstance(made, Iterable) or hasattr(made, "__next__"):
            raise StepsizeError(
                f"training: the function for {self.name} must return a DataLoader, which can be gone through again, "
                f"not {type(made).__name__}"
            )
        return made

    def _of_dataset(self, given: Any, seed: int, batch_size: int | None, like: Tensor) -> Any:
        rows, trains = counted(given), self.name == "data"
        if isinstance(given, IterableDataset):
            return DataLoader(given, batch_size=(batch_size if trains else None) or AT_ONCE)
        if not rows:
            raise StepsizeError(f"training: {self.name} has no rows: it needs one at least")
        batch = (batch_size or rows) if trains else min(AT_ONCE, rows)
        if batch > rows:
            raise StepsizeError(f"training: batch_size must be ≤ {rows}, the rows of data, not {batch}")
        order = InOrder(rows, batch, seed if trains else None)
        if isinstance(given, TensorDataset):
            own = TensorDataset(*(fitted(one, like) for one in given.tensors))
            return DataLoader(own, sampler=order, batch_size=None)
        return DataLoader(given, batch_sampler=order)


class InOrder:
    """Row numbers, batch by batch, as `descend` draws them; without a seed all rows once, one after the other.

    Each epoch has a new order and every batch is full: a short rest joins the next epoch. There is no end, and
    `begin_at` says how many batches were used.
    """

    def __init__(self, rows: int, batch_size: int, seed: int | None) -> None:
        self.rows, self.batch_size, self.seed, self.begin_at = rows, batch_size, seed, 0

    def __len__(self) -> int:
        return -(-self.rows // self.batch_size)

    def __iter__(self) -> Iterator[Any]:
        if self.seed is None:
            for begin in range(0, self.rows, self.batch_size):
                yield torch.arange(begin, min(begin + self.batch_size, self.rows))
            return
        random, left, passed = np.random.default_rng(self.seed), np.empty(0, dtype=np.intp), 0
        while True:
            while len(left) < self.batch_size:
                more = random.permutation(self.rows) if self.batch_size < self.rows else np.arange(self.rows)
                left = np.concatenate([left, more])
            batch, left, passed = left[: self.batch_size], left[self.batch_size :], passed + 1
            if passed > self.begin_at:
                yield torch.from_numpy(batch)


def counted(one: Any) -> int | None:
    """How many there are, None where that is not known, as of what is endless."""
    try:
        return len(one)
    except (TypeError, NotImplementedError):
        return None


def rows_of(batch: Any) -> int:
    """The rows of a batch, by the first tensor in it; 1 where there is none."""
    if isinstance(batch, Tensor):
        return len(batch) if batch.ndim else 1
    inner = batch.values() if isinstance(batch, dict) else batch if isinstance(batch, (tuple, list)) else ()
    return next((rows_of(one) for one in inner if isinstance(one, (Tensor, dict, tuple, list))), 1)


def moved(batch: Any, device: torch.device) -> Any:
    """The batch with its tensors on a device."""
    if isinstance(batch, Tensor):
        return batch.to(device, non_blocking=True)
    if isinstance(batch, dict):
        return {key: moved(one, device) for key, one in batch.items()}
    if isinstance(batch, tuple) and hasattr(batch, "_fields"):
        return type(batch)(*(moved(one, device) for one in batch))
    if isinstance(batch, (tuple, list)):
        return type(batch)(moved(one, device) for one in batch)
    return batch.to(device) if hasattr(batch, "to") else batch
