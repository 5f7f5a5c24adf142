"""What training shows to a controller: one frozen record for each update."""

from __future__ import annotations

from ._value import Value

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any


class seen(Value):
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

    Values may be NaN or infinite: each controller says what it answers then.

    >>> seen(loss=0.5)
    seen(loss=0.5)
    """

    __slots__ = (
        "direction_norm",
        "distance",
        "grad_change_norm",
        "grad_dot_last_direction",
        "grad_norm",
        "grad_variance",
        "loss",
        "loss_at",
        "metric",
        "progress",
        "rate",
        "slope",
        "start_norm",
        "step_dot_grad_change",
        "step_norm",
    )
    loss: float | None
    grad_norm: float | None
    metric: float | None
    slope: float | None
    direction_norm: float | None
    step_norm: float | None
    grad_change_norm: float | None
    step_dot_grad_change: float | None
    grad_dot_last_direction: float | None
    distance: float | None
    start_norm: float | None
    grad_variance: float | None
    progress: float | None
    rate: float | None
    loss_at: Callable[[float], float] | None

    def __init__(
        self,
        *,
        loss: float | None = None,
        grad_norm: float | None = None,
        metric: float | None = None,
        slope: float | None = None,
        direction_norm: float | None = None,
        step_norm: float | None = None,
        grad_change_norm: float | None = None,
        step_dot_grad_change: float | None = None,
        grad_dot_last_direction: float | None = None,
        distance: float | None = None,
        start_norm: float | None = None,
        grad_variance: float | None = None,
        progress: float | None = None,
        rate: float | None = None,
        loss_at: Any = None,
    ) -> None:
        put = object.__setattr__  # one record for each run and update: written out, it is twice as fast as a loop
        put(self, "loss", loss)
        put(self, "grad_norm", grad_norm)
        put(self, "metric", metric)
        put(self, "slope", slope)
        put(self, "direction_norm", direction_norm)
        put(self, "step_norm", step_norm)
        put(self, "grad_change_norm", grad_change_norm)
        put(self, "step_dot_grad_change", step_dot_grad_change)
        put(self, "grad_dot_last_direction", grad_dot_last_direction)
        put(self, "distance", distance)
        put(self, "start_norm", start_norm)
        put(self, "grad_variance", grad_variance)
        put(self, "progress", progress)
        put(self, "rate", rate)
        put(self, "loss_at", loss_at)
