"""Where in the data a run is: epoch by epoch, batch by batch, and back there from what was saved."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from torch import Tensor

from ...._errors import StepsizeError
from .attempts import attempt
from .parts import InOrder, Part, counted
from .randomness import Stream, as_plain, found_in, of_plain

_OVER = object()


class Batches:
    """The batches of one run, one epoch after the other, with random numbers of their own.

    The model draws from another stream, so the batches depend on the seed alone, and an epoch comes again as it was
    from what its generators held at its beginning.
    """

    def __init__(self, part: Part, seed: int, batch_size: int | None, like: Tensor) -> None:
        self.part, self.stream = part, Stream(seed)
        with self.stream.drawn():
            self.loader: Any = part.loader(seed, batch_size, like)
        self.stream.adopt(found_in(self.loader), None if part.is_built else seed)
        self.epoch, self.passed = 0, 0
        self._begun: dict[str, Any] = {}
        self._epoch: Iterator[Any] | None = None

    @property
    def an_epoch(self) -> float | None:
        """The batches of an epoch, where they can be counted."""
        return self._order.rows / self._order.batch_size if self._order is not None else counted(self.loader)

    @property
    def rows(self) -> int | None:
        """The rows of a batch, where the loader says so."""
        found = self._order.batch_size if self._order is not None else getattr(self.loader, "batch_size", None)
        return found if isinstance(found, int) else None

    @property
    def _order(self) -> InOrder | None:
        """The order of rows, where it is ours."""
        for name in ("sampler", "batch_sampler"):
            one = getattr(self.loader, name, None)
            if isinstance(one, InOrder):
                return one
        return None

    def next(self, count: int) -> list[Any]:
        """The next batches, inside `stream.drawn()`."""
        return [self._one() for _ in range(count)]

    def _one(self) -> Any:
        for _ in range(2):
            epoch = self._begin() if self._epoch is None else self._epoch
            batch = attempt(f"batch {self.passed} of epoch {self.epoch}", partial(next, epoch, _OVER))
            if batch is not _OVER:
                self.passed += 1
                return batch
            if not self.passed:
                break
            self._epoch, self.epoch = None, self.epoch + 1
        raise StepsizeError(f"training: {self.part.name} gave no batch in epoch {self.epoch}: it needs one at least")

    def _begin(self) -> Iterator[Any]:
        self._begun, self.passed = self.stream.now(), 0
        for name in ("sampler", "batch_sampler", "dataset"):
            one: Any = getattr(self.loader, name, None)
            if hasattr(one, "set_epoch"):
                one.set_epoch(self.epoch)
        found: Iterator[Any] = attempt(f"beginning epoch {self.epoch}", lambda: iter(self.loader))
        self._epoch = found
        return found

    def saved(self) -> dict[str, Any]:
        """Where it is, for `torch.save`."""
        begun = None if self._epoch is None else as_plain(self._begun)
        return {"epoch": self.epoch, "passed": self.passed, "begun": begun, "now": as_plain(self.stream.states)}

    def recall(self, saved: dict[str, Any]) -> None:
        """Be where it was saved: the epoch begins again as it was, and what was used of it is passed over."""
        self.epoch, passed, begun = int(saved["epoch"]), int(saved["passed"]), saved["begun"]
        with self.stream.drawn():
            if begun is not None:
                self.stream.go_to(of_plain(begun))
                self._pass_over(passed)
            self.stream.go_to(of_plain(saved["now"]))

    def _pass_over(self, count: int) -> None:
        if self._order is not None:
            self._order.begin_at = count
            self._begin()
            self.passed = count
            return
        epoch = self.epoch
        self._begin()
        for at in range(count):
            self._one()
            if self.epoch != epoch:
                raise StepsizeError(
                    f"training: epoch {epoch} of {self.part.name} has {at} batches, fewer than the saved run had used: "
                    "continue with the data that it was begun with"
                )
