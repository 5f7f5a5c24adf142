"""The plain loop that peers train by: batches of a cell, one update after another, and the losses at the end."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from stepsize import parse

from ..table import TEXTS

Batch = tuple[Tensor, Tensor]


class Batches:
    """The training rows of a cell in an order of its own each time; the last rows that fill no batch are left out."""

    def __init__(self, cell: Any, seed: int) -> None:
        self.inputs, self.targets = cell.task.train
        self.size = min(cell.batch_size, len(self.inputs))
        self.random = torch.Generator().manual_seed(seed)
        self.drawn = 0

    def __len__(self) -> int:
        return len(self.inputs) // self.size

    def __iter__(self) -> Iterator[Batch]:
        order = torch.randperm(len(self.inputs), generator=self.random)
        for rows in order.split(self.size)[: len(self)]:
            self.drawn += 1
            yield self.inputs[rows], self.targets[rows]

    def endless(self) -> Iterator[Batch]:
        while True:
            yield from self


def module(cell: Any, seed: int) -> nn.Module:
    """The task's module with the weights of this seed."""
    torch.manual_seed(seed)
    made: nn.Module = cell.task.model()
    return made


def usual(cell: Any, model: nn.Module, rate: float) -> torch.optim.Optimizer:
    """The optimizer of the cell, as its runs have it."""
    if cell.optimizer == "adamw":
        return torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.01)
    return torch.optim.SGD(model.parameters(), lr=rate, momentum=0.9)


@cache
def usual_schedule(steps: int) -> Callable[[int], float]:
    """The factor at each update that the cell's runs have: a warmup of 5 %, then a cosine to zero."""
    factors: Any = parse(TEXTS["adamw"].split(" * ", 1)[1])  # the same in both
    factors = factors.over(steps)
    return lambda t: float(factors(min(t, steps - 1)))


def updates(
    cell: Any, model: nn.Module, batches: Iterator[Batch], update: Callable[[Tensor, Callable[[], Tensor]], None]
) -> int:
    """Make all updates of a run: `update` takes the loss and how to evaluate the batch again. How many were made."""
    model.train()
    for t in range(cell.task.steps):
        inputs, targets = next(batches)

        def loss_of(x: Tensor = inputs, y: Tensor = targets) -> Tensor:
            loss: Tensor = cell.task.loss(model(x), y)
            return loss

        loss = loss_of()
        if not math.isfinite(float(loss.detach())):
            return t
        update(loss, loss_of)
    return int(cell.task.steps)


@torch.no_grad()
def ended(cell: Any, model: nn.Module) -> dict[str, float | None]:
    """Validation loss, test loss and accuracy (the share of right answers on the test part); None for not finite."""
    model.eval()
    found: dict[str, float] = {}
    for name, (inputs, targets) in (("validation", cell.task.validation), ("test", cell.task.test)):
        outputs = model(inputs)
        found[name] = float(cell.task.loss(outputs, targets))
    if cell.task.accuracy:
        found["accuracy"] = float((outputs.argmax(-1) == targets).float().mean())
    return {name: value if math.isfinite(value) else None for name, value in found.items()}
