"""RMSProp: the gradient in units of its own recent size."""

from __future__ import annotations

from .._errors import flag, number
from .._space import namespace
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
    __slots__ = ("alpha", "centered", "eps", "eps_in_root", "initial", "momentum")
    alpha: float
    eps: float
    momentum: float
    centered: bool
    eps_in_root: bool
    initial: float

    def __init__(
        self,
        *,
        alpha: float = 0.99,
        eps: float = 1e-8,
        momentum: float = 0.0,
        centered: bool = False,
        eps_in_root: bool = False,
        initial: float = 0.0,
    ) -> None:
        self._store(
            alpha=number("rmsprop", "alpha", alpha, low=0, below=1),
            eps=number("rmsprop", "eps", eps, low=0),
            momentum=number("rmsprop", "momentum", momentum, low=0, below=1),
            centered=flag("rmsprop", "centered", centered),
            eps_in_root=flag("rmsprop", "eps_in_root", eps_in_root),
            initial=number("rmsprop", "initial", initial, low=0),
        )

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
