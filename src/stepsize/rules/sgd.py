"""Stochastic gradient descent, with heavy-ball or Nesterov momentum."""

from __future__ import annotations

from .._errors import StepsizeError
from .._language import say
from .._space import as_number, namespace
from .._value import field
from ..descents import Array, Rule, RuleState


class sgd(Rule):
    """The gradient itself, or its running sum (momentum).

    Formula: m ← momentum·m + (1 − dampening)·g, starting with m = g; u = m, or g + momentum·m with `nesterov`;
    without momentum u = g, gradient descent itself: θ ← θ − η·∇J(θ).
    Use it where rates can be tuned, on convex problems and image networks (momentum 0.9); for transformers and badly
    scaled parameters an adaptive rule is safer. With momentum μ the effective rate is η/(1 − μ): lower η accordingly.
    `momentum` and `dampening` are in [0, 1); Nesterov needs momentum > 0 and dampening 0. Defaults are torch's.
    Source: Polyak, 1964; Nesterov, 1983; in this form Sutskever et al., 2013.

    >>> sgd(momentum=0.9, nesterov=True) | 0.1
    sgd(momentum=0.9, nesterov=True) | 0.1
    """

    momentum: float = field(default=0.0, low=0, below=1, kw_only=True)
    dampening: float = field(default=0.0, low=0, below=1, kw_only=True)
    nesterov: bool = field(default=False, kw_only=True)

    def _check_fields(self) -> None:
        if self.nesterov and (self.momentum <= 0 or self.dampening != 0):
            raise StepsizeError(
                say("sgd: nesterov needs momentum > 0 and dampening 0: write sgd(momentum=0.9, nesterov=True)")
            )

    def init(self, param: Array) -> RuleState:
        return {"count": 0, "sum": namespace(param).zeros_like(param)} if self.momentum else {"count": 0}

    def update(self, grad: Array, state: RuleState, param: Array) -> tuple[Array, RuleState]:
        count = state["count"] + 1
        if not self.momentum:
            return grad, {"count": count}
        fresh = 1.0 - self.dampening * as_number(count > 1, grad)  # the first gradient counts whole
        total = self.momentum * state["sum"] + fresh * grad
        return grad + self.momentum * total if self.nesterov else total, {"count": count, "sum": total}
