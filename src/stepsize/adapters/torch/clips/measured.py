"""One measurement of the gradient a step, which recorder, clips and controllers share: one pass, read back once."""

from __future__ import annotations

from typing import Any

from torch import Tensor
from torch.optim import Optimizer

from .norms import Space, by_space, length_in

_PLACE = "_stepsize_measured"  # torch neither saves nor copies what an optimizer holds under a name of its own


class Measured:
    """The length of the gradients of an optimizer's step, as long as they are the same and nobody wrote into them."""

    def __init__(self) -> None:
        self.forget()

    def forget(self) -> None:
        """The step is over: its gradients are let go."""
        self._grads: list[Tensor] = []
        self._versions: list[int] = []
        self._length: Tensor | None = None
        self._number: float | None = None

    def length(self, grads: list[Tensor], spaces: dict[Space, list[Tensor]] | None = None) -> Tensor:
        """The length of all these together, as a 0-dim tensor; `spaces` are the same tensors, sorted already."""
        if self._length is None or not self._is_of(grads):
            self.put(grads, length_in(by_space(grads) if spaces is None else spaces))
        assert self._length is not None
        return self._length

    def number(self, grads: list[Tensor], spaces: dict[Space, list[Tensor]] | None = None) -> float:
        """The same, read back once."""
        length = self.length(grads, spaces)
        if self._number is None:
            self._number = float(length)
        return self._number

    def known(self, grads: list[Tensor]) -> float | None:
        """The same where it was read already; nothing is measured."""
        return self._number if self._number is not None and self._is_of(grads) else None

    def put(self, grads: list[Tensor], length: Tensor) -> None:
        """Take a length that was measured on the way, by layers or before a number shortened them all."""
        self._grads, self._versions = list(grads), [one._version for one in grads]
        self._length, self._number = length, None

    def _is_of(self, grads: list[Tensor]) -> bool:
        if len(grads) != len(self._grads) or any(a is not b for a, b in zip(grads, self._grads, strict=True)):
            return False
        return self._versions == [one._version for one in grads]


def measured(optimizer: Optimizer) -> Measured:
    """What is known of the gradients of the step that this optimizer is making."""
    found: Any = vars(optimizer).get(_PLACE)
    if found is None:
        found = vars(optimizer)[_PLACE] = Measured()
    return found  # type: ignore[no-any-return]
