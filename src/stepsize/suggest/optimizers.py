"""The rules of the vocabulary, written with the arguments of the optimizers of other libraries: rate, decay."""

from __future__ import annotations

from functools import partial

from .._errors import StepsizeError
from ..vocabulary import look_up

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

_USUAL = {"beta1": 0.9, "beta2": 0.999, "eps": 1e-8}


def _decayed(rule: Any, amount: Any) -> Any:
    """A rule with the L2 penalty before it, where there is one."""
    return look_up("weight_decay")(amount) | rule if amount else rule


def _adam(
    word: str,
    lr: Any = 1e-3,
    betas: Any = (0.9, 0.999),
    eps: Any = 1e-8,
    weight_decay: Any = None,
    amsgrad: bool = False,
    *,
    beta1: Any = None,
    beta2: Any = None,
) -> Any:
    """Adam of torch, Keras and optax, or AdamW by that word, with its rate.

    >>> RULES["adam"](3e-4, weight_decay=0.1)
    weight_decay(0.1) | adam() | 0.0003
    >>> RULES["adamw"](3e-4, weight_decay=0.1)
    adam() | weight_decay(0.1) | 0.0003
    """
    if amsgrad:
        raise StepsizeError("there is no amsgrad")
    written = {"beta1": betas[0] if beta1 is None else beta1, "beta2": betas[1] if beta2 is None else beta2, "eps": eps}
    named = {name: one for name, one in written.items() if one != _USUAL[name]}
    if word == "adam":
        return _decayed(look_up(word)(**named), weight_decay) | lr
    return look_up(word)(**named, **({} if weight_decay is None else {"weight_decay": weight_decay})) | lr


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
    "adam": partial(_adam, "adam"),
    "adamw": partial(_adam, "adamw"),
    "sgd": sgd,
    "rmsprop": rmsprop,
    "adagrad": adagrad,
}
"""The rules of the vocabulary, written with the arguments of another library."""
