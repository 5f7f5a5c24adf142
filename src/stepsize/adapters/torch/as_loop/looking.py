"""The loss and the measures on a part of the data that is not trained on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor

from ...._errors import StepsizeError
from .attempts import attempt
from .batches import Batches
from .model import Model
from .parts import rows_of

MOST_BATCHES = 100_000  # of a part that does not say how many it has
_OVER = object()

Metrics = Mapping[str, Callable[[Any, Any], Any]]


class Look:
    """A part of the data that is looked at: each time with the same random numbers, and so with the same batches."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self._begun = dict(batches.stream.states)

    def measure(self, model: Model, metrics: Metrics, most: int | None = None) -> tuple[float, dict[str, float]]:
        """The mean loss over the rows in evaluation mode, and the metrics of all outputs together.

        `most` batches are looked at, left out all.
        """
        self.batches.stream.states = dict(self._begun)
        total, rows, outputs, targets = 0.0, 0, list[Any](), list[Any]()
        with self.batches.stream.drawn(), model.looked_at():
            for batch in self._each(most):
                loss, output, target = model.outcome(batch)
                count = rows_of(batch)
                total, rows = total + float(loss) * count, rows + count
                if metrics:
                    outputs.append(_kept(output))
                    targets.append(_kept(target))
            told = {name: _measured(name, one, _joined(outputs), _joined(targets)) for name, one in metrics.items()}
        return total / rows, told

    def _each(self, most: int | None) -> Iterator[Any]:
        name, passed = self.batches.part.name, 0
        epoch = attempt(f"beginning {name}", lambda: iter(self.batches.loader))
        while most is None or passed < most:
            batch = attempt(f"batch {passed} of {name}", lambda: next(epoch, _OVER))
            if batch is _OVER:
                break
            if passed >= MOST_BATCHES and self.batches.an_epoch is None:
                raise StepsizeError(
                    f"training: {name} has not ended after {MOST_BATCHES:,} batches: give one that ends"
                )
            passed += 1
            yield batch
        if not passed:
            raise StepsizeError(f"training: {name} gave no batch: it needs one at least")


def _kept(one: Any) -> Tensor:
    if not isinstance(one, Tensor):
        raise StepsizeError(
            f"training: metrics take tensors (output, targets), not {type(one).__name__}: let the module return a "
            "tensor, or leave metrics out"
        )
    return one.detach()


def _joined(parts: list[Tensor]) -> Tensor:
    return torch.cat([one if one.ndim else one[None] for one in parts])


def _measured(name: str, metric: Callable[[Any, Any], Any], output: Tensor, targets: Tensor) -> float:
    found = attempt(f"metric {name}", lambda: metric(output, targets), (output, targets))
    try:
        return float(found)
    except (TypeError, ValueError, RuntimeError):
        raise StepsizeError(f"training: metric {name} must return one number, not {type(found).__name__}") from None
