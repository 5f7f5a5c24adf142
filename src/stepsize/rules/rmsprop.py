"""RMSProp: the gradient in units of its own recent size."""

from __future__ import annotations

from .._space import namespace
from .._value import field
from ..descents import Array, Rule, RuleState
from .adagrad import divide


class rmsprop(Rule):
    """The gradient over the root of a running mean of its squares.

    Formula: v ← alpha·v + (1 − alpha)·g²; centred: a ← alpha·a + (1 − alpha)·g and v − a² in place of v;
    u = g/(√v + eps), or g/√(v + eps) with `eps_in_root` (optax); with momentum m ← momentum·m + u and the direction
    is m. Use it for recurrent nets and reinforcement learning, or where Adam's first moment hurts; elsewhere Adam
    with its bias correction starts better. `alpha` and `momentum` are in [0, 1), `eps` ≥ 0, `initial` ≥ 0 starts v.
    Defaults are torch's. The momentum remembers directions, as in torch; optax's remembers rate × direction, which
    differs when the rate changes. Source: Tieleman and Hinton, lecture 6.5, 2012; centred: Graves, 2013.

    >>> rmsprop(centered=True) | 0.001
    rmsprop(centered=True) | 0.001
    """

    scale_free = averages_squares = True
    alpha: float = field(default=0.99, low=0, below=1, kw_only=True)
    eps: float = field(default=1e-8, low=0, kw_only=True)
    momentum: float = field(default=0.0, low=0, below=1, kw_only=True)
    centered: bool = field(default=False, kw_only=True)
    eps_in_root: bool = field(default=False, kw_only=True)
    initial: float = field(default=0.0, low=0, kw_only=True)

    def init(self, param: Array) -> RuleState:
        zeros = namespace(param).zeros_like(param)
        state: RuleState = {"squares": zeros + float(self.initial)}
        if self.centered:
            state["mean"] = zeros
        if self.momentum:
            state["sum"] = zeros
        return state

    def update(self, grad: Array, state: RuleState, param: Array) -> tuple[Array, RuleState]:
        fresh = 1 - self.alpha
        after: RuleState = {"squares": self.alpha * state["squares"] + fresh * (grad * grad)}
        spread = after["squares"]
        if self.centered:
            after["mean"] = self.alpha * state["mean"] + fresh * grad
            variance = spread - after["mean"] * after["mean"]
            spread = namespace(grad).where(variance < 0, namespace(grad).zeros_like(variance), variance)
        direction = divide(grad, spread, self.eps, self.eps_in_root)
        if self.momentum:
            after["sum"] = direction = self.momentum * state["sum"] + direction
        return direction, after
