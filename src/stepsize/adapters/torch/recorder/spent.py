"""The time and the memory of an update."""

from __future__ import annotations

from time import perf_counter

import torch
from torch.optim import Optimizer


class Spent:
    """Seconds of an update, by the mean since the row before, and the most memory that its device has held."""

    def __init__(self, optimizer: Optimizer) -> None:
        devices = {one.device for group in optimizer.param_groups for one in group["params"]}
        self._device = next((one for one in devices if one.type == "cuda"), None)
        self.begin()

    def begin(self) -> None:
        """Count from here: what came between was no training."""
        self._since, self._updates = perf_counter(), 0

    def update(self) -> None:
        """An update was made."""
        self._updates += 1

    def found(self) -> dict[str, float]:
        """The columns of a row, from the row before to now."""
        now = perf_counter()
        row = {"seconds": (now - self._since) / max(self._updates, 1)}
        self._since, self._updates = now, 0
        if self._device is not None:
            row["memory"] = float(torch.cuda.max_memory_allocated(self._device))
        return row
