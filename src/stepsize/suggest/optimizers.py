"""The rules of the vocabulary, written with the arguments of the optimizers of other libraries: rate, decay."""

from __future__ import annotations

from .._errors import StepsizeError
from ..vocabulary import look_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any


def _adam(rule: str, lr: Any = 1e-3, betas: Any = (0.9, 0.999), eps: Any = 1e-8, weight_decay: Any = None) -> Any:
    named: dict[str, Any] = {}
    if tuple(betas) != (0.9, 0.999):
        named["beta1"], named["beta2"] = betas
    if eps != 1e-8:
        named["eps"] = eps
    if rule == "adamw":
        return look_up("adamw")(**named, **({} if weight_decay is None else {"weight_decay": weight_decay})) | lr
    return _decayed(look_up("adam")(**named), weight_decay) | lr


def _decayed(rule: Any, amount: Any) -> Any:
    """A rule with the L2 penalty before it, where there is one."""
    return look_up("weight_decay")(amount) | rule if amount else rule


def adam(
    lr: Any = 1e-3,
    betas: Any = (0.9, 0.999),
    eps: Any = 1e-8,
    weight_decay: Any = None,
    amsgrad: bool = False,
    *,
    beta1: Any = None,
    beta2: Any = None,
) -> Any:
    """Adam of torch, Keras and optax, with its rate.

    >>> adam(3e-4, weight_decay=0.1)
    weight_decay(0.1) | adam() | 0.0003
    """
    if amsgrad:
        raise StepsizeError("there is no amsgrad")
    return _adam("adam", lr, _betas(betas, beta1, beta2), eps, weight_decay)


def adamw(
    lr: Any = 1e-3,
    betas: Any = (0.9, 0.999),
    eps: Any = 1e-8,
    weight_decay: Any = None,
    amsgrad: bool = False,
    *,
    beta1: Any = None,
    beta2: Any = None,
) -> Any:
    """AdamW of torch, with its rate.

    >>> adamw(3e-4, weight_decay=0.1)
    adam() | weight_decay(0.1) | 0.0003
    """
    if amsgrad:
        raise StepsizeError("there is no amsgrad")
    return _adam("adamw", lr, _betas(betas, beta1, beta2), eps, weight_decay)


def _betas(betas: Any, beta1: Any, beta2: Any) -> tuple[Any, Any]:
    """Both averages, whether they were written as a pair or by name."""
    return (betas[0] if beta1 is None else beta1, betas[1] if beta2 is None else beta2)


def sgd(
    lr: Any = 1e-3, momentum: Any = 0.0, dampening: Any = 0.0, weight_decay: Any = None, nesterov: bool = False
) -> Any:
    """SGD of torch, with its rate.

    >>> sgd(0.1, momentum=0.9, weight_decay=1e-4)
    weight_decay(0.0001) | sgd(momentum=0.9) | 0.1
    """
    rule = look_up("sgd")(momentum=momentum, dampening=dampening, nesterov=nesterov)
    return _decayed(rule, weight_decay) | lr


def rmsprop(
    lr: Any = 1e-2,
    alpha: Any = 0.99,
    eps: Any = 1e-8,
    weight_decay: Any = None,
    momentum: Any = 0.0,
    centered: bool = False,
) -> Any:
    """RMSprop of torch, with its rate.

    >>> rmsprop(0.001, alpha=0.9)
    rmsprop(alpha=0.9) | 0.001
    """
    rule = look_up("rmsprop")(alpha=alpha, eps=eps, momentum=momentum, centered=centered)
    return _decayed(rule, weight_decay) | lr


def adagrad(lr: Any = 1e-2, *, eps: Any = 1e-10, weight_decay: Any = None) -> Any:
    """Adagrad of torch, with its rate.

    >>> adagrad(0.05)
    adagrad() | 0.05
    """
    return _decayed(look_up("adagrad")(eps=eps), weight_decay) | lr


RULES: Mapping[str, Callable[..., Any]] = {
    "adam": adam,
    "adamw": adamw,
    "sgd": sgd,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
}
"""The rules of the vocabulary, written with the arguments of another library."""
