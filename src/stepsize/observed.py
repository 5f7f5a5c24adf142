"""What training shows to a controller: one frozen record for each update."""

from __future__ import annotations

from ._errors import StepsizeError
from ._named import Named

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class seen(Named):
    """What is known when update `t` starts; a quantity that nobody measured is None.

    Use it to feed a controller by hand; `descend` makes these records itself, with what the controllers of the
    strategy need and no more. x_t are the parameters that the update starts from, g_t their raw gradient (before any
    clip), u_t the direction that the rule makes of it: the update will be −rate·u_t. In the order of the fields:

    `loss` J(x_t) of the batch; `grad_norm` ‖g_t‖; `metric` what an evaluation between the updates measured (there
    only when one was made); `slope` ⟨g_t, u_t⟩, how fast the loss falls per unit of rate; `direction_norm` ‖u_t‖;
    `step_norm` ‖x_t − x_{t−1}‖; `grad_change_norm` ‖g_t − g_{t−1}‖; `step_dot_grad_change` ⟨x_t − x_{t−1},
    g_t − g_{t−1}⟩; `grad_dot_last_direction` ⟨g_t, u_{t−1}⟩ (these four are None at the first update, which has
    nothing before it); `distance` ‖x_t − x_0‖; `start_norm` ‖x_0‖; `grad_variance` the trace of the variance of g_t,
    estimated from the halves of the batch as ‖g_a − g_b‖²/4; `progress` t/T; `rate` what the rate will be where every
    controller answers 1; `loss_at` a function from a rate to the loss of the same batch where that rate leads, clips
    after the rate included (each call is one more evaluation, `loss_at(0.0)` too).

    Values may be NaN or infinite: each controller says what it answers then. Name every quantity; the order is only
    that of the leaves of a tree, which a record is to JAX.

    >>> seen(loss=0.5)
    seen(loss=0.5)
    """

    loss: float | None = None
    grad_norm: float | None = None
    metric: float | None = None
    slope: float | None = None
    direction_norm: float | None = None
    step_norm: float | None = None
    grad_change_norm: float | None = None
    step_dot_grad_change: float | None = None
    grad_dot_last_direction: float | None = None
    distance: float | None = None
    start_norm: float | None = None
    grad_variance: float | None = None
    progress: float | None = None
    rate: float | None = None
    loss_at: Any = None  # a function from a rate to a loss

    @classmethod
    def field_names(cls) -> tuple[str, ...]:
        """All quantities, in their order."""
        return cls._fields

    def fields(self) -> dict[str, Any]:
        """Every quantity with its value."""
        return self._asdict()

    def known(self) -> dict[str, Any]:
        """The quantities that somebody measured."""
        return {name: one for name, one in zip(self._fields, self, strict=True) if one is not None}

    def replace(self, **changes: Any) -> seen:
        """The same record with some quantities changed."""
        unknown = [name for name in changes if name not in self._fields]
        if unknown:
            raise StepsizeError(f"seen has no field {min(unknown)!r}: {', '.join(self._fields)}")
        return self._replace(**changes)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and tuple(self) == tuple(other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return hash(("seen", *self))

    def __repr__(self) -> str:
        return f"seen({', '.join(f'{name}={one!r}' for name, one in self.known().items())})"
