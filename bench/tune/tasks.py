"""The tasks of the bench: what is trained on what, for how long, and which cells are recorded.

A cell is a task with an optimizer and a batch size. Every run has a warmup of 5 % and then a cosine to zero; `TEXTS`
says it. A third of the tasks is held apart (`apart`): those whose kind no constant of any policy here had seen. They
are dropout, embeddings in an n-gram model, an LSTM, a mean over sets, counts with an exponential link, and several
labels at once with residual layers. They were chosen before anything was recorded.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
import torch.nn.functional as F  # noqa: N812 - its name everywhere
from torch import Tensor, nn

from . import data, models
from .data import Part, Parts
from .table import DEFAULT_RATES, LOOKS, RATES, TEXTS

__all__ = ["CELLS", "DEFAULT_RATES", "LOOKS", "RATES", "TEXTS", "Cell", "Task"]


@dataclass(frozen=True, eq=False)
class Task:
    """What is trained on what.

    `model` makes a module, whose weights come from torch.manual_seed(seed) before the call. Each part is inputs and
    targets. `loss` takes outputs and targets and is a mean over the rows. `accuracy` says that targets are classes,
    whose scores are the last axis of the outputs. `steps` are the updates of a whole run. `apart` is held apart.
    """

    name: str
    model: Callable[[], nn.Module]
    train: Part
    validation: Part
    test: Part
    loss: Callable[[Tensor, Tensor], Tensor]
    accuracy: bool
    steps: int
    apart: bool = False


@dataclass(frozen=True, eq=False)
class Cell:
    """A task with an optimizer ("adamw" or "sgdm"), a batch size, and how many seeds."""

    task: Task
    optimizer: str
    batch_size: int
    seeds: int

    @property
    def name(self) -> str:
        return f"{self.task.name}_{self.optimizer}_{self.batch_size}"


def of_classes(outputs: Tensor, targets: Tensor) -> Tensor:
    """The mean cross-entropy; scores of a sequence have one axis more."""
    return F.cross_entropy(outputs.flatten(0, -2), targets.flatten())


def of_counts(outputs: Tensor, targets: Tensor) -> Tensor:
    """Half the mean deviance of Poisson's law, whose log expectation is the output; it is never below 0."""
    return (outputs.exp() - targets * outputs + torch.xlogy(targets, targets) - targets).mean()


def _made() -> tuple[Cell, ...]:
    """Name, model, rows, loss, updates, batch size of each optimizer, seeds."""
    plain = models.perceptron
    tanh = partial(plain, 64, 32, 32, 32, 32, 32, 32, 10, between=nn.Tanh)
    squeeze = partial(plain, 64, 32, 8, 32, 64)
    classes, square = of_classes, F.mse_loss
    each = [
        ("cancer", partial(plain, 30, 2), data.cancer, classes, 500, (32, 8), 8),
        ("least_squares", partial(plain, 30, 1), data.least_squares, square, 1000, (16, 8), 8),
        ("diabetes", partial(plain, 10, 32, 1), data.diabetes, square, 600, (8, 32), 8),
        ("digits_mlp", partial(plain, 64, 48, 10), data.digits, classes, 500, (32, 8), 6),
        ("digits_deep", tanh, data.digits, classes, 500, (8, 32), 5),
        ("friedman", partial(plain, 10, 32, 32, 1), data.friedman, square, 1000, (16, 64), 6),
        ("spirals", models.normalised_gelu, data.spirals, classes, 2000, (32, 16), 5),
        ("digits_cnn", partial(models.convolutions, False), data.digits, classes, 300, (16, 16), 5),
        ("digits_cnn_norm", partial(models.convolutions, True), data.digits, classes, 300, (32, 16), 5),
        ("digit_rows", models.Rows, data.digits, classes, 400, (32, 16), 5),
        ("autoencoder", squeeze, data.images, square, 3000, (16, 32), 5),
        ("characters", models.Transformer, data.next_symbols, classes, 400, (8, 16), 3),
    ]
    apart = [
        ("wine_dropout", models.with_dropout, data.wine, classes, 300, (8, 16), 8),
        ("counts", partial(plain, 8, 32, 1, between=nn.Softplus), data.counts, of_counts, 600, (16, 32), 8),
        ("clouds", models.Clouds, data.clouds, classes, 800, (32, 16), 5),
        ("labels", models.Residual, data.labels_of_many, F.binary_cross_entropy_with_logits, 1000, (32, 8), 6),
        ("symbol_after", models.Embedded, data.symbol_after, classes, 1500, (64, 32), 5),
        ("waves", models.Waves, data.waves, classes, 600, (32, 16), 5),
    ]
    cells = [_cells(*one, away) for away, some in ((False, each), (True, apart)) for one in some]
    return tuple(cell for two in cells for cell in two)


def _cells(
    name: str,
    model: Callable[[], nn.Module],
    rows: Callable[[], Parts],
    loss: Callable[[Tensor, Tensor], Tensor],
    steps: int,
    batches: tuple[int, int],
    seeds: int,
    apart: bool,
) -> list[Cell]:
    train, validation, test = rows()
    task = Task(name, model, train, validation, test, loss, loss is of_classes, steps, apart)
    return [Cell(task, kind, size, seeds) for kind, size in zip(TEXTS, batches, strict=True)]


CELLS: tuple[Cell, ...] = _made()
