"""Which update a loss belongs to, where it may come before its update or after it."""

from __future__ import annotations

import weakref
from typing import Any

from torch import Tensor
from torch.optim import Optimizer


class Pairing:
    """The order of losses and updates in a loop, found out as it runs and not assumed.

    A loss comes after its update where the gradients are still those of the update. It comes before it where another
    backward has changed them, where there are none yet, or inside the step, in a closure. Once it is sure the order
    stays. Losses that wait for the same update, as under accumulation, are one by their mean. Where losses come after
    their updates, one that no update precedes is that of an update that was left out, and is dropped. Nothing is read
    back here: losses are handed on as they came.
    """

    def __init__(self) -> None:
        self._order = ""  # "before" or "after", once it is known
        self._waiting: list[Any] = []  # losses whose update is still to come
        self._open: list[Any] | None = None  # those that came before the last update, while it has no line
        self._inside = False
        self._left: list[tuple[weakref.ref[Tensor], int]] = []  # the gradients as the update left them

    def begin(self) -> list[Any] | None:
        """A step begins: the losses of the update before, where it has no line yet."""
        self._inside = True
        return self.closed()

    def made(self, optimizer: Optimizer) -> list[Any] | None:
        """An update was made: its losses, where that is sure already."""
        self._inside = False
        self._open, self._waiting = self._waiting, []
        if not self._order:
            self._left = [(weakref.ref(one), one._version) for one in _gradients(optimizer)]
        return self.closed() if self._order == "before" else None

    def left_out(self) -> None:
        """The step made no update: mixed precision left it out."""
        self._inside, self._waiting = False, []

    def came(self, loss: Any, optimizer: Optimizer) -> list[Any] | None:
        """A loss came: those of the last update, where it is known now."""
        self._order = self._order or self._found_out(optimizer)
        if self._order == "after":
            mine, self._open, self._waiting = self._open, None, []
            return None if mine is None else [loss]
        last = self.closed() if self._order == "before" else None
        self._waiting.append(loss.detach() if isinstance(loss, Tensor) else loss)
        return last

    def closed(self) -> list[Any] | None:
        """The losses of the last update, where they came before it and it has no line yet."""
        losses, self._open = self._open, None
        return losses or None

    def _found_out(self, optimizer: Optimizer) -> str:
        if self._inside:
            return "before"
        now = _gradients(optimizer)
        if self._open is None:  # no update since the last loss: a gradient may be that of an update left out
            return "" if now else "before"
        if len(now) == len(self._left) and all(
            one is then() and one._version == version for one, (then, version) in zip(now, self._left, strict=True)
        ):
            return "after"
        return "before" if now or self._open else "after"


def _gradients(optimizer: Optimizer) -> list[Tensor]:
    grads = (one.grad for group in optimizer.param_groups for one in group["params"])
    return [one for one in grads if one is not None]
