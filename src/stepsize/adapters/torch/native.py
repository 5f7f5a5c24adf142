"""Our rules as torch's own optimizers: which class, with which arguments."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from ..._errors import StepsizeError
from ...clipping.decay import weight_decay
from ...descents import Clip, Rule, Transform, descent

FUSED_ON = {"SGD": ("cpu", "cuda", "xpu", "mps"), "Adam": ("cpu", "cuda", "xpu", "mps"), "Adagrad": ("cpu",)}


def arguments(rule: Rule) -> tuple[str, dict[str, Any]]:
    """The name of torch's optimizer for a rule, and its arguments; an error for what torch does not compute."""
    has = rule.fields()
    name = rule.word()
    if name == "sgd":
        return "SGD", {key: has[key] for key in ("momentum", "dampening", "nesterov")}
    if name == "adagrad":
        _refuse(rule, "eps_in_root")
        return "Adagrad", {"initial_accumulator_value": has["initial"], "eps": has["eps"]}
    if name == "rmsprop":
        _refuse(rule, "eps_in_root", "initial")
        return "RMSprop", {key: has[key] for key in ("alpha", "eps", "momentum", "centered")}
    if name == "adam":
        _refuse(rule, "eps_root")
        return "Adam", {"betas": (has["beta1"], has["beta2"]), "eps": has["eps"]}
    raise StepsizeError(
        f"optimizer: torch has no optimizer for {rule}: write sgd, adagrad, rmsprop, adam or adamw, or put a Scheduler "
        "on an optimizer of your own"
    )


def split(strategy: descent) -> tuple[tuple[Clip, ...], float, float, tuple[Clip, ...]]:
    """Clips of the gradient, decay before the rule (L2), decay after it (decoupled), clips of the update.

    torch's optimizers add the L2 term after whatever was done to the gradient, and know nothing between the rule and
    the rate but a decay; another order is an error.
    """
    before, between, after = strategy.split()
    coupled = [one for one in before if isinstance(one, weight_decay)]
    _last(before, len(coupled), strategy)
    decoupled = [one for one in between if isinstance(one, weight_decay)]
    for one in between:
        if not isinstance(one, weight_decay):
            raise StepsizeError(
                f"optimizer: {one} between rule and rate is not within reach of torch's optimizers: write it after the "
                f"rate, where it bounds the update itself ({strategy.rule} | {strategy.rate} | {one})"
            )
    grads = tuple(one for one in before if isinstance(one, Clip))
    updates = tuple(one for one in after if isinstance(one, Clip))
    return grads, _sum(coupled), _sum(decoupled), updates


def kernel(name: str, params: list[Tensor], fused: bool | None, foreach: bool | None) -> dict[str, bool]:
    """Which of torch's implementations: fused where it has one for these parameters, else foreach on accelerators."""
    able = FUSED_ON.get("Adam" if name == "AdamW" else name, ())
    if fused and not able:
        raise StepsizeError(f"optimizer: torch has no fused {name}: leave fused out, or write foreach=True")
    if fused is not None or foreach is not None:
        asked = {"fused": fused, "foreach": foreach}
        return {key: one for key, one in asked.items() if one is not None and (key == "foreach" or able)}
    devices = {one.device.type for one in params}
    if able and devices <= set(able) and all(torch.is_floating_point(one) for one in params):
        return {"fused": True}
    return {} if devices == {"cpu"} else {"foreach": True}


def _refuse(rule: Rule, *fields: str) -> None:
    for field in fields:
        if getattr(rule, field):
            raise StepsizeError(
                f"optimizer: torch's {rule.word()} has no {field}, which {rule} sets: leave it out, or train with "
                "stepsize.descend"
            )


def _last(before: tuple[Transform, ...], decays: int, strategy: descent) -> None:
    """Refuse a clip behind the L2 term."""
    if any(not isinstance(one, weight_decay) for one in before[len(before) - decays :]):
        raise StepsizeError(
            f"optimizer: torch adds weight decay to the clipped gradient: write the clips of {strategy} before its "
            "weight_decay"
        )


def _sum(decays: list[weight_decay]) -> float:
    return float(sum(one.amount for one in decays))
