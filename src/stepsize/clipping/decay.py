"""Weight decay: a pull towards zero, coupled or decoupled by where it stands."""

from __future__ import annotations

from .._value import field
from ..descents import Array, Arrays, Transform


class weight_decay(Transform):
    """Adds amount × parameters; its place makes it L2 or decoupled.

    Formula: g → g + amount·θ. After the rule it is decoupled (AdamW: `adam() | weight_decay(0.01) | 1e-3`), the
    update is η·(u + amount·θ); before the rule it is the L2 penalty (`weight_decay(1e-4) | sgd() | 0.1`, the
    weight_decay argument of torch's SGD and Adam). Use the decoupled one with adaptive rules: they would divide the
    coupled one away. `amount` ≥ 0. It never ends, and it scales with the rate, so it fades with a schedule.
    Source: Loshchilov and Hutter, Decoupled Weight Decay Regularization, 2019.

    >>> from stepsize import adam
    >>> adam() | weight_decay(0.01) | 1e-3
    adam() | weight_decay(0.01) | 0.001
    """

    amount: float = field(low=0)

    def apply(self, flowing: Arrays, params: Arrays, many: bool = False) -> tuple[Arrays, Array]:
        pulled = {name: array + float(self.amount) * params[name] for name, array in flowing.items()}
        return pulled, 0.0
