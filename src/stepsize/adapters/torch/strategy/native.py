"""Strategies as torch's own optimizers: which class, with which arguments, or why torch cannot compute one."""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ...._errors import StepsizeError
from ....clipping.decay import weight_decay
from ....clipping.stable import stable
from ....descents import Clip, descent
from ....rules.adagrad import adagrad
from ....rules.adam import adam
from ....rules.rmsprop import rmsprop
from ....rules.sgd import sgd
from ..clips.norms import HALVES

FUSED_ON = {"SGD": ("cpu", "cuda", "xpu", "mps"), "Adam": ("cpu", "cuda", "xpu", "mps"), "Adagrad": ("cpu",)}
_LACKS: dict[type, tuple[str, ...]] = {
    sgd: (),
    adagrad: ("eps_in_root",),
    rmsprop: ("eps_in_root", "initial"),
    adam: ("eps_root",),
}


class Native(NamedTuple):
    """A strategy around torch's own step."""

    name: str  # of torch's class
    arguments: dict[str, Any]
    grads: tuple[Clip, ...]
    decoupled: float  # weight decay after the rule, where torch's class has none
    updates: tuple[Clip, ...]


def beyond(strategy: descent) -> str:
    """Why torch's own optimizers cannot compute a strategy; "" where they can.

    They add the L2 term after whatever was done to the gradient, know nothing between the rule and the rate but a
    decay, and tell nobody the direction before they have moved.
    """
    rule, (before, between, after) = strategy.rule, strategy.split()
    if type(rule) not in _LACKS:
        return f"torch has no optimizer for {rule}"
    for field in _LACKS[type(rule)]:
        if getattr(rule, field):
            return f"torch's {rule.word()} has no {field}"
    coupled = [one for one in before if isinstance(one, weight_decay)]
    clips = before[: len(before) - len(coupled)]
    for one in (*clips, *after):
        if not isinstance(one, Clip) or isinstance(one, stable):
            return f"{one} stands where torch's optimizers have only clips of the gradient or of the update"
    for one in between:
        if not isinstance(one, weight_decay):
            return f"{one} stands between rule and rate"
    if coupled and between and isinstance(rule, adam):
        return "torch's AdamW has no L2 term besides its decay"
    unseen = strategy.needs - {"loss", "metric"} - (set() if clips else {"grad_norm"})
    return f"a controller looks at the {min(unseen)}" if unseen else ""


def native(strategy: descent) -> Native:
    """torch's class and its arguments, and what hangs around its step, of a strategy within its reach."""
    before, between, after = strategy.split()
    name, arguments = _arguments(strategy.rule)
    coupled, decoupled = _decay(before), _decay(between)
    if name == "Adam" and decoupled:
        name, arguments["weight_decay"], decoupled = "AdamW", decoupled, 0.0
    elif coupled:
        arguments["weight_decay"] = coupled
    grads, updates = (tuple(one for one in part if isinstance(one, Clip)) for part in (before, after))
    return Native(name, arguments, grads, decoupled, updates)


def kernel(name: str, params: list[Tensor], fused: bool | None, foreach: bool | None) -> dict[str, bool]:
    """Which of torch's implementations: fused where it has one for these parameters, else foreach on accelerators."""
    able = FUSED_ON.get("Adam" if name == "AdamW" else name, ())
    # torch 2.13's fused SGD on a processor leaves whole blocks of half-precision elements as they were
    broken = name == "SGD" and any(one.device.type == "cpu" and one.dtype in HALVES for one in params)
    if fused and (broken or not able):
        what = f"{name} that moves half-precision parameters on a processor" if able else name
        raise StepsizeError(f"optimizer: torch has no fused {what}: leave fused out, or write foreach=True")
    if broken:
        fused = False
    if fused is not None or foreach is not None:
        asked = {"fused": fused, "foreach": foreach}
        return {key: one for key, one in asked.items() if one is not None and (key == "foreach" or able)}
    devices = {one.device.type for one in params}
    if able and devices <= set(able) and all(torch.is_floating_point(one) for one in params):
        return {"fused": True}
    return {} if devices == {"cpu"} else {"foreach": True}


def _arguments(rule: Any) -> tuple[str, dict[str, Any]]:
    has = rule.fields()
    if isinstance(rule, sgd):
        return "SGD", {key: has[key] for key in ("momentum", "dampening", "nesterov")}
    if isinstance(rule, adagrad):
        return "Adagrad", {"initial_accumulator_value": has["initial"], "eps": has["eps"]}
    if isinstance(rule, rmsprop):
        return "RMSprop", {key: has[key] for key in ("alpha", "eps", "momentum", "centered")}
    return "Adam", {"betas": (has["beta1"], has["beta2"]), "eps": has["eps"]}


def _decay(stages: tuple[Any, ...]) -> float:
    return float(sum(one.amount for one in stages if isinstance(one, weight_decay)))
