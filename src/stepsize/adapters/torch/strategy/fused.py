"""A strategy on torch's own step: our clips and decay around it, our schedule after it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ...._errors import StepsizeError
from ..clips.closures import with_closure
from ..clips.hung import Clipping, clip_gradients, clip_update
from ..clips.norms import grad_norm
from ..refusals import refuse_own_decay
from .base import Strategy, Wishes
from .native import native


class Hooked(Strategy):
    """A strategy whose update torch's own kernels compute."""

    _clips: list[Clipping]

    def _begin(self, wishes: Wishes) -> None:
        """Hang the stages around torch's step, in the order the gradient flows."""
        super()._begin(wishes)
        stages = native(wishes.strategy)
        # what a loaded expression may look at: the gradient's norm is gone when it has been clipped
        self.scheduler.shows(("loss", "metric") if stages.grads else ("loss", "metric", "grad_norm"))
        self._skipped, self._left_out, self._loss = False, 0, None
        self._decoupled = stages.decoupled
        self.register_step_pre_hook(_before)
        self._clips = [clip_gradients(self, stages.grads, on_nonfinite=wishes.on_nonfinite)]
        if stages.updates:
            self._clips.append(clip_update(self, stages.updates, on_nonfinite="ignore"))
        for clipping in self._clips:
            clipping.call = "optimizer"  # which its errors speak of
        self.register_step_pre_hook(_ready)
        self.register_step_post_hook(_after)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group; its `weight_decay` is that of the strategy, decoupled where the strategy's is."""
        if hasattr(self, "strategy"):
            refuse_own_decay(param_group, self.strategy)
        if getattr(self, "_decoupled", 0.0) and "weight_decay" in param_group:
            param_group = decoupled(param_group)
        super().add_param_group(param_group)

    def _memory(self) -> dict[str, Any]:
        return {str(i): one.state_dict() for i, one in enumerate(self._clips) if one.remembers()}

    def _check_memory(self, memory: dict[str, Any]) -> None:
        own = [str(i) for i, one in enumerate(self._clips) if one.has_memory()]
        if not set(memory) <= set(own):
            raise StepsizeError(
                f"optimizer: the state is that of other stages, not of {self.strategy}: load the state of the same "
                "strategy"
            )
        for i, one in memory.items():
            self._clips[int(i)].check_state(one)

    def _recall(self, memory: dict[str, Any]) -> None:
        for i, one in enumerate(self._clips):
            one.load_state_dict(memory.get(str(i)))


class StrategySGD(Hooked, torch.optim.SGD):
    """torch's SGD inside a strategy."""


class StrategyAdagrad(Hooked, torch.optim.Adagrad):
    """torch's Adagrad inside a strategy."""


class StrategyRMSprop(Hooked, torch.optim.RMSprop):
    """torch's RMSprop inside a strategy."""


class StrategyAdam(Hooked, torch.optim.Adam):
    """torch's Adam inside a strategy."""


class StrategyAdamW(Hooked, torch.optim.AdamW):
    """torch's AdamW inside a strategy."""


_OWN = "decoupled_weight_decay_of_strategy"
CLASSES: dict[str, Any] = {
    "SGD": StrategySGD,
    "Adagrad": StrategyAdagrad,
    "RMSprop": StrategyRMSprop,
    "Adam": StrategyAdam,
    "AdamW": StrategyAdamW,
}


def decoupled(group: dict[str, Any]) -> dict[str, Any]:
    """A group whose weight decay is to be decoupled, under a name that torch's own step does not read."""
    return {**group, _OWN: float(group["weight_decay"]), "weight_decay": 0.0}


def _before(made: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """First of all: what the call brings besides torch's arguments, and whether a GradScaler leaves the update out."""
    made._loss = kwargs.pop("loss", None)
    for name in ("loss_of", "grad_variance"):
        kwargs.pop(name, None)
    unknown = set(kwargs).difference(("closure", "grad_scaler"))
    if unknown:
        raise StepsizeError(
            f"optimizer: step has no argument {min(unknown)}: write step(loss=loss, loss_of=…, grad_variance=…), or "
            "step(closure)"
        )
    found = getattr(made, "found_inf", None)
    made._skipped = found is not None and float(found) > 0
    made._left_out = sum(one.skipped for one in made._clips)
    for group in made.param_groups:
        if group.get("fused") and any(one.grad is not None and one.grad.is_sparse for one in group["params"]):
            group["fused"] = False  # torch has no fused kernel for sparse gradients
    if with_closure(args, kwargs, lambda closure: closure) is None and not made._skipped and not made._is_probe():
        made.scheduler.check(_told(made._loss), again=False)


def _ready(made: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """When the gradients are there and clipped: let the controllers decide this update, then decay."""

    def wrap(closure: Callable[[], Any]) -> Callable[[], Any]:
        def closure_then_decision() -> Any:
            loss = closure()
            _decide(made, loss if made._loss is None else made._loss)
            return loss

        return closure_then_decision

    changed = with_closure(args, kwargs, wrap)
    if changed is None:
        _decide(made, made._loss)
    return changed


def _decide(made: Any, loss: Any) -> None:
    if _is_left_out(made) or made._is_probe():
        return
    params = [one for group in made.param_groups for one in group["params"]]
    norm = grad_norm(params) if "grad_norm" in made.scheduler.needs else None
    made.scheduler.show({"loss": loss, "grad_norm": norm})
    if made._decoupled:
        _decay(made)


def _told(loss: Any) -> tuple[str, ...]:
    return () if loss is None else ("loss",)


def _is_left_out(made: Any) -> bool:
    return bool(made._skipped or sum(one.skipped for one in made._clips) > made._left_out)


def _decay(made: Any) -> None:
    """Decoupled weight decay for optimizers that have none: θ ← θ − η·amount·θ, before the step as in AdamW."""
    with torch.no_grad():
        for group in made.param_groups:
            moved = [one for one in group["params"] if one.grad is not None]
            if moved:
                torch._foreach_mul_(moved, 1 - group["lr"] * group.get(_OWN, made._decoupled))


def _after(made: Any, args: Any, kwargs: Any) -> None:
    """Last of all: the update is done, the schedule moves on."""
    made._loss = None  # with it goes its graph
    if not _is_left_out(made) and not made._is_probe():
        made.scheduler.step()
