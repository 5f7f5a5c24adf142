"""AdaGrad: each element's rate falls with the sum of its squared gradients."""

from __future__ import annotations

from .._space import namespace
from .._value import field
from ..descents import Array, Rule, RuleState


class adagrad(Rule):
    """The gradient over the root of the sum of all its squares.

    Formula: s ← s + g²; u = g/(√s + eps), or g/√(s + eps) with `eps_in_root` (optax).
    Use it for sparse features and convex problems, where it needs no schedule; on long runs of deep networks the
    ever-growing sum stops it, and RMSProp or Adam go on. `initial` ≥ 0 starts the sum (torch 0, optax 0.1),
    `eps` ≥ 0 (torch 1e-10, optax 1e-7). torch's lr_decay is a schedule of its own and is written as one.
    Source: Duchi, Hazan and Singer, 2011.

    >>> adagrad() | 0.1
    adagrad() | 0.1
    """

    scale_free = True
    initial: float = field(default=0.0, low=0, kw_only=True)
    eps: float = field(default=1e-10, low=0, kw_only=True)
    eps_in_root: bool = field(default=False, kw_only=True)

    def init(self, param: Array) -> RuleState:
        return {"squares": namespace(param).zeros_like(param) + float(self.initial)}

    def update(self, grad: Array, state: RuleState, param: Array) -> tuple[Array, RuleState]:
        squares = state["squares"] + grad * grad
        return divide(grad, squares, self.eps, self.eps_in_root), {"squares": squares}


def divide(grad: Array, squares: Array, eps: float, eps_in_root: bool) -> Array:
    """grad / (√squares + eps), or grad / √(squares + eps); 0 where both are 0."""
    xp = namespace(grad)
    root = xp.sqrt(squares + eps) if eps_in_root else xp.sqrt(squares) + eps
    return over_root(grad, root, eps)


def over_root(array: Array, root: Array, least: float) -> Array:
    """array / root, 0 where the root is 0; one that holds `least` is nowhere 0 where its type holds that."""
    xp = namespace(root)
    if least >= float(xp.finfo(root.dtype).smallest_normal):
        return array / root
    return xp.where(root == 0, xp.zeros_like(root), array / xp.where(root == 0, xp.ones_like(root), root))
