"""Adaptive gradient clipping: each row of a gradient no longer than a share of that row of the parameters."""

from __future__ import annotations

import math

from .._errors import StepsizeError, number, shown
from .._language import say
from .._space import held_by, namespace
from .._value import field
from ..descents import Array, Arrays, Clip
from ..measures import global_norm, share_of
from .shorten import scaled, to_bound

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def _axis(owner: str, field: str, value: Any) -> int:
    axis = number(owner, field, value)
    if axis not in (0, -1):
        raise StepsizeError(
            say(
                "{owner}: {field} must be 0 (out, in) or -1 (in, out), not {value}",
                owner=owner,
                field=field,
                value=shown(value),
            )
        )
    return int(axis)


class unitwise(Clip):
    """Shortens rows of the gradient longer than `max` times their parameters.

    Formula: G_i → G_i·min(1, max·max(‖W_i‖, floor)/‖G_i‖) for each unit i; an array of at most one axis is one unit.
    Use it before the rule (`unitwise() | sgd(momentum=0.9) | 0.1`) to train without batch normalisation with large
    batches; the authors leave the last linear layer out, and small batches want a larger `max`. `max` > 0 is a share
    of the row's norm, `floor` > 0 the norm that rows near zero are taken to have. `unit_axis` says which axis counts
    the units: 0 for torch (out, in) and (out, in, height, width), −1 for JAX and Keras (in, out). A row whose norm
    is NaN or infinite is left as it is. It never ends.
    Source: Brock, De, Smith and Simonyan, High-Performance Large-Scale Image Recognition Without Normalization, 2021.

    >>> import numpy as np
    >>> rows, weights = np.array([[3.0, 4.0], [0.0, 0.1]]), np.array([[0.0, 10.0], [10.0, 0.0]])
    >>> limited, share = unitwise(0.1).apply({"w": rows}, {"w": weights})
    >>> limited["w"].round(12).tolist(), float(share)
    ([[0.6, 0.8], [0.0, 0.1]], 0.5)
    """

    max: float = field(default=0.01, above=0)
    floor: float = field(default=1e-3, above=0)
    unit_axis: int = field(default=0, check=_axis, kw_only=True)

    def apply(self, flowing: Arrays, params: Arrays, many: bool = False) -> tuple[Arrays, Array]:
        limited, beyond = {}, {}
        for name, array in flowing.items():
            limited[name], beyond[name] = self._bounded(array, params[name], many)
        return limited, share_of(beyond, many)

    def _bounded(self, array: Array, param: Array, many: bool) -> tuple[Array, Array]:
        rows = self._rows(array, many)
        lengths = global_norm({"": self._rows(param, many)}, many=True)
        xp = namespace(lengths)
        bound = float(self.max) * xp.clip(lengths, held_by(lengths, float(self.floor), xp), None)
        factor, longer = to_bound(global_norm({"": rows}, many=True), bound)
        xp = namespace(array)
        flags = xp.broadcast_to(xp.reshape(longer, (-1, 1)), rows.shape)
        return self._back(scaled(rows, factor, many=True), array, many), self._back(flags, array, many)

    def _moves(self, array: Array, many: bool) -> bool:
        return self.unit_axis == -1 and array.ndim - many > 1

    def _rows(self, array: Array, many: bool) -> Array:
        """One row for each unit of each run."""
        xp = namespace(array)
        runs = array.shape[0] if many else 1
        if array.ndim - many <= 1:
            return xp.reshape(array, (runs, -1))
        if self._moves(array, many):
            array = xp.moveaxis(array, -1, int(many))
        return xp.reshape(array, (math.prod(array.shape[: 1 + many]), math.prod(array.shape[1 + many :])))

    def _back(self, rows: Array, array: Array, many: bool) -> Array:
        """The rows in the shape of the array that they come from."""
        xp = namespace(array)
        shape = tuple(array.shape)
        if not self._moves(array, many):
            return xp.reshape(rows, shape)
        moved = xp.reshape(rows, (*shape[:many], shape[-1], *shape[many:-1]))
        return xp.moveaxis(moved, int(many), -1)
