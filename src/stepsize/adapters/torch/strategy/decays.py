"""A strategy whose weight decay has amounts of their own for the parameters of some groups."""

from __future__ import annotations

from typing import Any

from ....clipping.decay import weight_decay
from ....descents import Array, Arrays, Transform, descent


class _OwnDecay(Transform):
    """The strategy's weight decay, with amounts of their own for the parameters of some groups."""

    __slots__ = ("amount", "amounts")
    amount: float
    amounts: dict[str, Any]

    def __init__(self, amount: float, amounts: dict[str, Any]) -> None:
        self._store(amount=amount, amounts=amounts)

    def apply(self, flowing: Arrays, params: Arrays, many: bool = False) -> tuple[Arrays, Array]:
        amounts = {name: self.amounts.get(name, self.amount) for name in flowing}
        return {name: array + amounts[name] * params[name] for name, array in flowing.items()}, 0.0


def with_own_decay(strategy: descent, amounts: dict[str, Any]) -> descent:
    """The strategy whose decay looks its amounts up by the names of the parameters, in every update anew."""
    stages = (_OwnDecay(one.amount, amounts) if isinstance(one, weight_decay) else one for one in strategy.stages)
    return descent(*stages)
