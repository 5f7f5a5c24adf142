"""One update of a run: micro-batches, backward passes, and a step by the user's optimizer or by a whole strategy."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from ...._errors import StepsizeError
from ....descents import descent
from ....schedules.rate import rate
from ..clips.measured import measured
from ..clips.norms import settled
from ..knobs import Groups
from ..recorder import clipping_of
from ..scheduler import Scheduler
from ..strategy.base import Strategy
from ..strategy.optimizer import optimizer as whole_strategy
from .attempts import attempt
from .batches import Batches
from .model import Model
from .randomness import Stream

_LEFT_OUT = object()
MOST_LEFT_OUT = 64  # updates in a row that a scaler may leave out: its scale of 2^16 is below any number then


@dataclass(frozen=True)
class Told:
    """What one update did: the columns of a record."""

    loss: float
    rate: float
    grad_norm: float
    clipped: float
    why: str
    extra_losses: int


class Stepping:
    """The optimizer of a run, the schedule on it and the scaler, and how one update is made with them."""

    def __init__(
        self,
        model: Model,
        strategy: descent | rate,
        make: Callable[..., Any] | None,
        scaler: bool,
        units: dict[str, Any],
    ) -> None:
        self.model = model
        if make is None:
            assert isinstance(strategy, descent)
            named = list(model.trained.items())
            self.optimizer: Optimizer = whole_strategy(named, strategy, on_nonfinite="ignore", **units)
            self.schedule: Scheduler = self.optimizer.scheduler
        else:
            assert isinstance(strategy, rate)
            self.optimizer = _of_user(make, model)
            begin_at(self.optimizer, strategy.base)
            self.schedule = Scheduler(self.optimizer, strategy.factor, **units)
        self.scaler = torch.amp.GradScaler(model.device.type, enabled=scaler)
        self._refuse(self.schedule.course.needs)
        self._params = [one for group in self.optimizer.param_groups for one in group["params"]]
        self._rate, self._hooked = math.nan, self.optimizer.register_step_post_hook(self._read_rate)
        self.optimizer._optimizer_step_post_hooks.move_to_end(self._hooked.id, last=False)  # type: ignore[attr-defined]

    @property
    def is_whole(self) -> bool:
        """Whether the optimizer is the strategy itself."""
        return isinstance(self.optimizer, Strategy)

    def update(self, batches: Batches, count: int, stream: Stream) -> Told | None:
        """One update from the next `count` batches; None where a number is not finite. The model draws from `stream`.

        An update that the scaler leaves out is no update: the next batches make it.
        """
        for _ in range(MOST_LEFT_OUT):
            with batches.stream.drawn():
                drawn = batches.next(count)
                with stream.drawn(after=batches.stream):
                    told: Any = self._attempt(drawn, stream)
            if told is not _LEFT_OUT:
                return told  # type: ignore[no-any-return]
        return None

    def _attempt(self, drawn: list[Any], stream: Stream) -> Any:
        """What an update told, None where a number is not finite, or that the scaler left it out."""
        again = Again(self.model, drawn, stream) if "loss_at" in self.schedule.course.needs else None
        loss, norm = self._gradients(drawn)
        if math.isfinite(loss) and math.isfinite(norm):
            return self._move(loss, norm, again)
        if not self.scaler.is_enabled():
            return None
        self.scaler.step(self.optimizer)  # which leaves it out
        self.scaler.update()
        measured(self.optimizer).forget()
        return _LEFT_OUT

    def _gradients(self, batches: list[Any]) -> tuple[float, float]:
        """Put the mean gradient of these batches in place; their mean loss, and the gradient's norm."""
        self.optimizer.zero_grad(set_to_none=True)
        losses = []
        for batch in batches:
            loss = self.model.loss(batch)
            share: Any = self.scaler.scale(loss / len(batches) if len(batches) > 1 else loss)
            attempt("backward", share.backward)
            losses.append(loss.detach())
        if self.scaler.is_enabled():
            self.scaler.unscale_(self.optimizer)
        grads = [settled(one.grad) for one in self._params if one.grad is not None]
        return _mean(losses), measured(self.optimizer).number(grads) if grads else 0.0

    def _move(self, loss: float, norm: float, again: Again | None) -> Told | None:
        at, clips = self.schedule.last_epoch, clipping_of(self.optimizer)
        for one in clips:
            one.shares = []
        if not self.is_whole:
            self.schedule.see(loss=loss, grad_norm=norm)
        known: dict[str, Any] = {"loss": loss} if self.is_whole else {}
        if again is not None:
            known["loss_of"] = again.loss
        attempt("optimizer.step", lambda: self.scaler.step(self.optimizer, **known))
        self.scaler.update()
        measured(self.optimizer).forget()
        if not self.is_whole:
            self.schedule.step()
        shares = [float(share) for one in clips for share in one.shares or ()]
        course = self.schedule.course
        if not _all_finite(self._params):
            return None
        why = course.why if course.spoke_at == at else ""
        return Told(loss, self._rate, norm, max(shares, default=0.0), why, again.count if again is not None else 0)

    def _read_rate(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """The rate that the update was made with, before the next one is written."""
        self._rate = Groups(optimizer).get(0, "lr")

    def _refuse(self, needs: frozenset[str]) -> None:
        if "grad_variance" in needs:
            raise StepsizeError(
                f"training: a controller of {self.schedule.expression} needs grad_variance, which a loop does not "
                "measure: let it watch the loss, or train a problem, whose batches are halved"
            )

    def saved(self) -> dict[str, Any]:
        """Optimizer, schedule and scaler, for `torch.save`."""
        schedule = {} if self.is_whole else {"schedule": self.schedule.state_dict()}
        return {"optimizer": self.optimizer.state_dict(), "scaler": self.scaler.state_dict(), **schedule}

    def recall(self, saved: dict[str, Any]) -> None:
        """Be as it was saved."""
        self.optimizer.load_state_dict(saved["optimizer"])
        if not self.is_whole:
            self.schedule.load_state_dict(saved["schedule"])
        if self.scaler.is_enabled():
            self.scaler.load_state_dict(saved["scaler"])


class Again:
    """The same batches evaluated once more, for controllers that try rates, with the same random numbers.

    Buffers and random numbers come back as they were.
    """

    def __init__(self, model: Model, batches: list[Any], stream: Stream) -> None:
        self.model, self.batches, self.count = model, batches, 0
        self.stream, self._begun = stream, stream.now()

    def loss(self) -> float:
        """The mean loss where the parameters now are."""
        self.count += 1
        before = {one: one.clone() for one in self.model.module.buffers()}
        now = self.stream.now()
        self.stream.go_to(self._begun)
        with torch.no_grad():
            found = _mean([self.model.outcome(batch)[0] for batch in self.batches])
            for one, kept in before.items():
                one.copy_(kept)
        self.stream.go_to(now)
        return found


def begin_at(optimizer: Optimizer, base: float) -> None:
    """Let the first group begin at a rate; the others keep their proportions to it."""
    knobs = Groups(optimizer)
    own = [knobs.get(i, "lr") for i in range(knobs.count())]
    for i, group in enumerate(optimizer.param_groups):
        group.pop("initial_lr", None)
        knobs.put(i, "lr", base * (own[i] / own[0] if own[i] != own[0] else 1.0))


def _of_user(make: Callable[..., Any], model: Model) -> Optimizer:
    """The user's optimizer: of a class the parameters are told, of a function the module."""
    made: Any = getattr(make, "func", make)
    is_class = isinstance(made, type) and issubclass(made, Optimizer)
    given = list(model.trained.values()) if is_class else model.module
    found = attempt("optimizer", lambda: make(given))
    if not isinstance(found, Optimizer):
        raise StepsizeError(f"training: optimizer must build a torch.optim.Optimizer, not {type(found).__name__}")
    if isinstance(found, Strategy):
        raise StepsizeError(
            "training: optimizer built a strategy of stepsize's, which has a schedule of its own: leave optimizer out, "
            "and every trial runs its own strategy"
        )
    if not Groups(found).get(0, "lr") > 0:
        raise StepsizeError(
            "training: the first group of the optimizer must have lr > 0: others keep proportions to it"
        )
    return found


def _mean(losses: list[Tensor]) -> float:
    return float(losses[0]) if len(losses) == 1 else sum(float(one) for one in losses) / len(losses)


def _all_finite(params: list[Tensor]) -> bool:
    """Whether every parameter is finite: by their norms, and element by element where one is too large for that."""
    with torch.no_grad():
        norms = torch._foreach_norm([one for one in params if one.numel()])
        alike = len({(one.device, one.dtype) for one in norms}) == 1
        if math.isfinite(float(torch.stack(norms).sum()) if alike else sum(float(one) for one in norms)):
            return True
        return all(bool(one.isfinite().all()) for one in params)
