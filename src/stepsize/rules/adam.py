"""Adam: momentum in units of the gradient's own recent size, both corrected for their start at zero."""

from __future__ import annotations

from .._space import namespace
from .._value import field
from ..clipping.decay import weight_decay as decay
from ..descents import Array, Rule, RuleState, descent
from ..measures import begun
from .adagrad import over_root


class adam(Rule):
    """Running mean of the gradient over the root of that of its squares.

    Formula: m ← beta1·m + (1 − beta1)·g; v ← beta2·v + (1 − beta2)·g²; at count k u = (m/(1 − beta1^k)) / (√(v/(1 −
    beta2^k) + eps_root) + eps). Use it as the default for transformers and whenever parameters are scaled badly; a
    well-tuned `sgd(momentum=0.9)` often ends lower on image networks. The first updates have length η in every
    element, so warm up long runs. `beta1` and `beta2` are in [0, 1), `eps` and `eps_root` ≥ 0 (eps_root: optax, for
    differentiating through it). Defaults are torch's and optax's. An element whose root and eps are both 0 does not
    move. Source: Kingma and Ba, 2015.

    >>> adam() | 1e-3
    adam() | 0.001
    """

    scale_free = averages_squares = True
    beta1: float = field(default=0.9, low=0, below=1, kw_only=True)
    beta2: float = field(default=0.999, low=0, below=1, kw_only=True)
    eps: float = field(default=1e-8, low=0, kw_only=True)
    eps_root: float = field(default=0.0, low=0, kw_only=True)

    def init(self, param: Array) -> RuleState:
        zeros = namespace(param).zeros_like(param)
        return {"count": 0, "mean": zeros, "squares": zeros}

    def update(self, grad: Array, state: RuleState, param: Array) -> tuple[Array, RuleState]:
        count = state["count"] + 1
        mean = self.beta1 * state["mean"] + (1 - self.beta1) * grad
        squares = self.beta2 * state["squares"] + (1 - self.beta2) * (grad * grad)
        xp = namespace(grad)
        spread = squares / begun(self.beta2, count, grad)
        root = xp.sqrt(spread + self.eps_root if self.eps_root else spread) + self.eps
        unbiased = mean / begun(self.beta1, count, grad)
        return over_root(unbiased, root, self.eps), {"count": count, "mean": mean, "squares": squares}


def adamw(
    *, weight_decay: float = 0.01, beta1: float = 0.9, beta2: float = 0.999, eps: float = 1e-8, eps_root: float = 0.0
) -> descent:
    """Adam with decoupled weight decay, as a recipe.

    Formula: θ ← θ − η·(u_adam + weight_decay·θ). Use it wherever Adam is used with a decay; defaults are torch's
    (optax's decay is 1e-4). `weight_decay` ≥ 0; the decay fades with the rate. Source: Loshchilov and Hutter, 2019.

    >>> adamw() | 1e-3
    adam() | weight_decay(0.01) | 0.001
    """
    return descent(adam(beta1=beta1, beta2=beta2, eps=eps, eps_root=eps_root), decay(weight_decay))
