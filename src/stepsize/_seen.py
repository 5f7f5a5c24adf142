"""What training shows to a controller: one frozen record for each update."""

from __future__ import annotations

from ._value import Value


class seen(Value):
    """What is known when update `t` starts; a quantity that nobody measured is None.

    Use it to feed a controller by hand; `descend` makes these records itself. `loss` is the loss at the parameters
    that the update starts from, `grad_norm` the global norm of its gradient before any clip, `metric` what an
    evaluation between the updates measured (there only when one was made). Values may be NaN or infinite: each
    controller says what it answers then.

    >>> seen(loss=0.5)
    seen(loss=0.5)
    """

    __slots__ = ("grad_norm", "loss", "metric")
    loss: float | None
    grad_norm: float | None
    metric: float | None

    def __init__(
        self, *, loss: float | None = None, grad_norm: float | None = None, metric: float | None = None
    ) -> None:
        self._store(loss=loss, grad_norm=grad_norm, metric=metric)
