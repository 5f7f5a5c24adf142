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
    decides the rate of that same update, as in `descend`. `state_dict()` holds the schedule too.

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
    given |= kernel(name, _tensors(listed), fused, foreach)
    made: Strategy = _CLASSES[name](listed, lr=float(whole.rate.base), **given)
    units = {"total_steps": total_steps, "steps_per_epoch": steps_per_epoch, **units}
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
        self.scheduler = Scheduler(self, strategy.rate.factor, **units, on_change=on_change)
        self._skipped, self._left_out = False, 0
        self.register_step_pre_hook(_before)
        self._clips = [clip_gradients(self, grads, on_nonfinite=on_nonfinite)]
        if updates:
            self._clips.append(clip_update(self, updates, on_nonfinite="ignore"))
        if decoupled:
            self.register_step_pre_hook(_decay(decoupled))
        self.register_step_post_hook(_after)

    def state_dict(self) -> dict[str, Any]:
        """torch's state with the schedule's under "schedule"."""
        return {**super().state_dict(), "schedule": self.scheduler.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load torch's state and, where there is one, the schedule's."""
        schedule = state_dict.get("schedule")
        super().load_state_dict({key: one for key, one in state_dict.items() if key != "schedule"})
        if schedule is not None:
            self.scheduler.load_state_dict(schedule)

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


_CLASSES: dict[str, Any] = {
    "SGD": StrategySGD,
    "Adagrad": StrategyAdagrad,
    "RMSprop": StrategyRMSprop,
    "Adam": StrategyAdam,
    "AdamW": StrategyAdamW,
}


def _before(made: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """First of all: what the controllers look at, from the call or from the closure."""
    loss = kwargs.pop("loss", None)
    closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
    found = getattr(made, "found_inf", None)
    made._skipped = found is not None and float(found) > 0
    made._left_out = sum(one.skipped for one in made._clips)
    if closure is None:
        if not made._skipped:
            _show(made, loss)
        return args, kwargs

    def watched() -> Any:
        found = closure()
        _show(made, found if loss is None else loss)
        return found

    return (args[0],), {**kwargs, "closure": watched}


def _show(made: Any, loss: Any) -> None:
    needs = made.scheduler._needs
    if not needs - {"metric"}:
        return
    if "loss" in needs and loss is None:
        raise StepsizeError(
            f"optimizer: a controller of {made.strategy.rate} needs the loss: write step(loss=loss), or step(closure)"
        )
    norm = grad_norm(one for group in made.param_groups for one in group["params"]) if "grad_norm" in needs else None
    made.scheduler.see(loss=loss, grad_norm=norm)


def _decay(amount: float) -> Callable[..., None]:
    """Decoupled weight decay for optimizers that have none: θ ← θ − η·amount·θ, before the step as in AdamW."""

    def decay(made: Any, args: Any, kwargs: Any) -> None:
        if made._skipped:
            return
        with torch.no_grad():
            for group in made.param_groups:
                moved = [one for one in group["params"] if one.grad is not None]
                if moved:
                    torch._foreach_mul_(moved, 1 - group["lr"] * amount)

    return decay


def _after(made: Any, args: Any, kwargs: Any) -> None:
    """Last of all: the update is done, the schedule moves on."""
    if not made._skipped and sum(one.skipped for one in made._clips) == made._left_out:
        made.scheduler.step()


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
