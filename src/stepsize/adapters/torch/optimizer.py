"""A whole strategy as one torch optimizer: torch's own update, our clips around it, our schedule after it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ..._errors import StepsizeError
from ...descents import descent
from ...text import as_descent
from .clips import clip_gradients, clip_update
from .hooks import with_closure
from .native import arguments, kernel, split
from .norms import grad_norm
from .scheduler import Scheduler


def optimizer(
    params: Iterable[Any],
    strategy: descent | str,
    total_steps: int | None = None,
    steps_per_epoch: float | None = None,
    *,
    on_nonfinite: str = "raise",
    on_change: str = "error",
    fused: bool | None = None,
    foreach: bool | None = None,
    **units: Any,
) -> Strategy:
    """A whole strategy as a torch optimizer: rule, rate, schedule, controllers and clips in one `step()`.

    Formula: that of `descent`: u = rule(clips(g)); Δ = clips(η_t·u); θ ← θ − Δ, computed by torch's own SGD, Adagrad,
    RMSprop, Adam or AdamW. Use it where the training script may change its optimizer line; to keep the optimizer, put a
    `Scheduler` on it. `params` are tensors, (name, tensor) pairs or groups; a group with an `lr` of its own has its
    schedule multiplied with that, all others with the strategy's base. `total_steps` and units are those of
    `Scheduler`. `on_nonfinite` says what happens to a gradient that is NaN or infinite: "raise", "skip" the update,
    "zero" the elements, or "ignore". `fused` and `foreach` choose torch's implementation; left out, it is fused where
    torch has that. A controller that watches the loss takes it from the closure, or from `step(loss=loss)`, and
    decides the rate of that same update, as in `descend`. `state_dict()` holds the schedule too, under "schedule";
    torch.distributed.checkpoint keeps only torch's part: save `optimizer.scheduler` beside it. A group's
    `weight_decay` is that of the strategy's kind, decoupled or not.

    >>> import torch
    >>> weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    >>> descent = optimizer([weight], "sgd() | 0.5 * cosine() | clip(0.4)", total_steps=10)
    >>> weight.grad = torch.tensor([0.2, -4.0])
    >>> descent.step()
    >>> weight.tolist(), round(descent.param_groups[0]["lr"], 6)
    ([0.9, -1.6], 0.487764)
    """
    whole = as_descent(strategy)
    name, given = arguments(whole.rule)
    grads, coupled, decoupled, updates = split(whole)
    if name == "Adam" and decoupled:
        name = "AdamW"
        given["weight_decay"], decoupled = decoupled, 0.0
        if coupled:
            raise StepsizeError(f"optimizer: torch's AdamW has no L2 term besides its decay: leave one out of {whole}")
    elif coupled or name == "AdamW":
        given["weight_decay"] = coupled
    listed = [_listed(one) for one in params]
    if decoupled:
        listed = [_decoupled(one) if isinstance(one, dict) and "weight_decay" in one else one for one in listed]
    given |= kernel(name, _tensors(listed), fused, foreach)
    made: Strategy = _CLASSES[name](listed, lr=float(whole.rate.base), **given)
    units = {"total_steps": total_steps, "steps_per_epoch": steps_per_epoch, **units}
    if grads and any("grad_norm" in one.needs for one in whole.rate.controllers):
        raise StepsizeError(
            f"optimizer: a controller of {whole.rate} watches the gradient's norm before it is clipped, which is gone "
            "by then: leave the clip of the gradient out, or bound the update instead"
        )
    made._begin(whole, grads, decoupled, updates, units, on_nonfinite, on_change)
    return made


class Strategy(Optimizer):
    """What every optimizer made by `optimizer` is, besides torch's own class: a strategy and its `scheduler`."""

    strategy: descent
    scheduler: Scheduler

    def _begin(
        self,
        strategy: descent,
        grads: tuple[Any, ...],
        decoupled: float,
        updates: tuple[Any, ...],
        units: dict[str, Any],
        on_nonfinite: str,
        on_change: str,
    ) -> None:
        """Hang the stages around torch's step, in the order the gradient flows."""
        self._made = (strategy, grads, decoupled, updates, units, on_nonfinite, on_change)
        self.strategy = strategy
        lenient = "raise" if on_nonfinite == "raise" else "hold"
        self.scheduler = Scheduler(self, strategy.rate.factor, **units, on_change=on_change, on_nonfinite=lenient)
        self._skipped, self._left_out, self._loss = False, 0, None
        self._decoupled = decoupled
        self.register_step_pre_hook(_before)
        self._clips = [clip_gradients(self, grads, on_nonfinite=on_nonfinite)]
        if updates:
            self._clips.append(clip_update(self, updates, on_nonfinite="ignore"))
        self.register_step_pre_hook(_ready)
        self.register_step_post_hook(_after)

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        """Add a group; its `weight_decay` is that of the strategy, decoupled where the strategy's is."""
        if getattr(self, "_decoupled", 0.0) and "weight_decay" in param_group:
            param_group = _decoupled(param_group)
        super().add_param_group(param_group)

    def state_dict(self) -> dict[str, Any]:
        """torch's state with the schedule's under "schedule"."""
        return {**super().state_dict(), "schedule": self.scheduler.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load torch's state and, where there is one, the schedule's."""
        schedule = state_dict.get("schedule")
        if schedule is not None:
            self.scheduler.load_state_dict(schedule)  # first: where it is refused, nothing is loaded
        super().load_state_dict({key: one for key, one in state_dict.items() if key != "schedule"})
        self.scheduler.write()

    def __getstate__(self) -> dict[str, Any]:
        return {**super().__getstate__(), "made": self._made, "schedule": self.scheduler.state_dict()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        state = dict(state)
        made, schedule = state.pop("made", None), state.pop("schedule", None)
        super().__setstate__(state)
        if made is not None:
            self._begin(*made)
            self.scheduler.load_state_dict(schedule, on_change="keep")


class StrategySGD(Strategy, torch.optim.SGD):
    """torch's SGD inside a strategy."""


class StrategyAdagrad(Strategy, torch.optim.Adagrad):
    """torch's Adagrad inside a strategy."""


class StrategyRMSprop(Strategy, torch.optim.RMSprop):
    """torch's RMSprop inside a strategy."""


class StrategyAdam(Strategy, torch.optim.Adam):
    """torch's Adam inside a strategy."""


class StrategyAdamW(Strategy, torch.optim.AdamW):
    """torch's AdamW inside a strategy."""


_OWN = "decoupled_weight_decay_of_strategy"
_CLASSES: dict[str, Any] = {
    "SGD": StrategySGD,
    "Adagrad": StrategyAdagrad,
    "RMSprop": StrategyRMSprop,
    "Adam": StrategyAdam,
    "AdamW": StrategyAdamW,
}


def _before(made: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    """First of all: what the call brings besides torch's arguments, and whether a GradScaler leaves the update out."""
    made._loss = kwargs.pop("loss", None)
    found = getattr(made, "found_inf", None)
    made._skipped = found is not None and float(found) > 0
    made._left_out = sum(one.skipped for one in made._clips)
    for group in made.param_groups:
        if group.get("fused") and any(one.grad is not None and one.grad.is_sparse for one in group["params"]):
            group["fused"] = False  # torch has no fused kernel for sparse gradients
    if with_closure(args, kwargs, lambda closure: closure) is None and not made._skipped:
        _check_loss(made, made._loss)


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
    if _is_left_out(made):
        return
    needs = made.scheduler._needs - {"metric"}
    if needs:
        _check_loss(made, loss)
        params = [one for group in made.param_groups for one in group["params"]]
        made.scheduler.see(loss=loss, grad_norm=grad_norm(params) if "grad_norm" in needs else None)
    if made._decoupled:
        _decay(made)


def _check_loss(made: Any, loss: Any) -> None:
    if "loss" in made.scheduler._needs and loss is None:
        raise StepsizeError(
            f"optimizer: a controller of {made.strategy.rate} needs the loss: write step(loss=loss), or step(closure)"
        )


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
    if not _is_left_out(made) and not _is_probe(made):
        made.scheduler.step()


def _is_probe(made: Any) -> bool:
    """torch.distributed.checkpoint steps an optimizer at rate 0 to make it lay out its state: that is no update."""
    rates = [group["lr"] for group in made.param_groups]
    return all(type(one) is float and one == 0 for one in rates) and any(made.scheduler.get_last_lr())


def _decoupled(group: dict[str, Any]) -> dict[str, Any]:
    """A group whose weight decay is to be decoupled, under a name that torch's own step does not read."""
    return {**group, _OWN: float(group["weight_decay"]), "weight_decay": 0.0}


def _listed(one: Any) -> Any:
    """A group with its parameters in a list: a generator would be used up by the first look."""
    if not isinstance(one, dict):
        return one
    held = one.get("params", [])
    return {**one, "params": [held] if isinstance(held, Tensor) else list(held)}


def _tensors(listed: list[Any]) -> list[Tensor]:
    """The tensors of what torch takes as parameters: tensors, (name, tensor) pairs, or groups of either."""
    found: list[Tensor] = []
    for one in listed:
        several = one["params"] if isinstance(one, dict) else [one]
        found += [each[1] if isinstance(each, tuple) else each for each in several]
    return found
