"""A run that goes on: update by update, looked at, saved, and continued with the numbers of one that never stopped."""

from __future__ import annotations

import io
from typing import Any

import torch
from torch import Tensor

from ...._errors import StepsizeError
from .batches import Batches
from .looking import Look, Metrics
from .model import Model
from .randomness import Stream, as_plain, of_plain
from .stepping import Stepping, Told


class Going:
    """One run of a training, from its start or from where it was saved."""

    def __init__(
        self,
        model: Model,
        stream: Stream,
        batches: Batches,
        stepping: Stepping,
        looks: dict[str, Look],
        metrics: Metrics,
        accumulate: int,
    ) -> None:
        self.model, self.stream, self.batches, self.stepping = model, stream, batches, stepping
        self.looks, self.metrics, self.accumulate = looks, metrics, accumulate
        if "metric" in stepping.schedule.course.needs and "validation" not in looks:
            raise StepsizeError(
                f"training: a controller of {stepping.schedule.expression} watches a metric, which is the validation "
                "loss: give validation=…, or let it watch the loss"
            )

    def update(self) -> Told | None:
        """One update; None where a number stopped being finite."""
        return self.stepping.update(self.batches, self.accumulate, self.stream)

    def look(self, most: int | None = None) -> dict[str, Any]:
        """The losses on the parts that are there, under "validation" and "test", and the "metrics" of the last.

        `most` batches of each are looked at, left out all.
        """
        found: dict[str, Any] = {"validation": None, "test": None, "metrics": {}}
        judge = list(self.looks)[-1:]
        for name, one in self.looks.items():
            found[name], told = one.measure(self.model, self.metrics if [name] == judge else {}, most)
            found["metrics"] |= told
        return found

    def see(self, metric: float) -> None:
        """Show the loss of a validation to controllers that watch a metric."""
        self.stepping.schedule.see(metric=metric)

    @property
    def params(self) -> dict[str, Any]:
        """The parameters and buffers, as `load_state_dict` of the module takes them."""
        return {
            name: one.detach().clone() if isinstance(one, Tensor) else one
            for name, one in self.model.module.state_dict().items()
        }

    def saved(self) -> bytes:
        """Everything that going on needs, as `torch.save` writes it and `torch.load(…, weights_only=True)` reads it."""
        held = {name: one.detach() for name, one in self.model.tensors().items()}
        extra = {name: one for name, one in self.model.module.state_dict().items() if name.endswith("_extra_state")}
        told = {
            "tensors": held,
            "extra": extra,
            "random": as_plain(self.stream.states),
            "batches": self.batches.saved(),
            "stepping": self.stepping.saved(),
        }
        into = io.BytesIO()
        torch.save(told, into)
        return into.getvalue()

    def recall(self, saved: bytes) -> None:
        """Be where it was saved; bytes that are none, or of another training, are refused in one line."""
        try:
            told = torch.load(io.BytesIO(saved), map_location="cpu", weights_only=True)
            self._put(told["tensors"], told["extra"])
            self.stepping.recall(told["stepping"])
            self.stream.states = of_plain(told["random"])
            self.batches.recall(told["batches"])
        except StepsizeError:
            raise
        except Exception as error:
            said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")[:200]
            raise StepsizeError(
                f"training: the saved state is damaged, or that of another training ({type(error).__name__}: {said}): "
                "begin the trial anew"
            ) from error

    def _put(self, held: dict[str, Tensor], extra: dict[str, Any]) -> None:
        own = self.model.tensors()
        shapes = {name: tuple(one.shape) for name, one in own.items()}
        found = {name: tuple(one.shape) for name, one in held.items()}
        if shapes != found:
            name = next(one for one in (*shapes, *found) if shapes.get(one) != found.get(one))
            raise StepsizeError(
                f"training: the saved state is that of another module: its {name} is {found.get(name, 'not there')}, "
                f"not {shapes.get(name, 'left out')}: continue with the module that it was begun with"
            )
        if extra:
            self.model.module.load_state_dict(self.model.module.state_dict() | extra)
        with torch.no_grad():
            for name, one in own.items():
                one.copy_(held[name])
