"""The range test of a loop of your own: a rising rate on your model and optimizer, and everything as it was before."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader

from ..._errors import StepsizeError, whole
from ...course.course import begin_course
from ...course.swept import HIGH, LOW, UPDATES, Swept, rising, swept
from ...schedules.shapes import constant
from .as_loop.model import Model
from .as_loop.randomness import Stream, found_in
from .as_loop.stepping import MOST_LEFT_OUT
from .clips.measured import measured
from .kept import Kept
from .knobs import Groups
from .ranks import averaged
from .scheduler import Scheduler
from .strategy.base import Strategy

INSTEAD = "give several rates whole runs, which stepsize tune does: stepsize tune file.py:function, or a Tuner"


def find_rate(
    model: nn.Module,
    optimizer: Optimizer,
    loss_fn: Callable[[Any, Any], Tensor] | None = None,
    batches: Iterable[Any] | None = None,
    *,
    forward: Callable[[nn.Module, Any], Tensor] | None = None,
    update: Callable[[], Any] | None = None,
    scaler: Any = None,
    schedulers: Any = (),
    autocast: torch.dtype | None = None,
    accumulate: int = 1,
    low: float = LOW,
    high: float = HIGH,
    updates: int = UPDATES,
    seed: int = 0,
) -> Swept:
    """A range test on a model and an optimizer of yours, after which both are as they were, bit for bit.

    Formula: the rate of update t of n is low·(high/low)^(t/(n − 1)), for the first group; other groups keep their
    proportion to it. Use it to see where training becomes unstable. When not: to choose a rate, for which whole runs at
    several rates are compared.

    Either `loss_fn(output, targets)` and `batches` of (inputs, …, targets), as of your DataLoader, or `batches` and
    `forward(model, batch)`, which returns the loss; `accumulate` ≥ 1 batches make an update, `autocast` is
    torch.bfloat16 or torch.float16, `scaler` your GradScaler. Or `update()`, which makes one whole update of your loop
    and returns its loss: then `schedulers` of torch's that it steps stand still meanwhile. `low` and `high` are above
    0; `updates` ≥ 12, more for small batches. A loss or a gradient that is not finite ends the sweep, and is no error.
    Same `seed`, same numbers.

    Put back, also after an exception or Ctrl-C: parameters, buffers, gradients, requires_grad, the mode of every
    module, the optimizer with its groups and state, schedulers and clips on it, the scaler, the random generators of
    torch (CUDA too), Python and NumPy, and those that data and model hold. `batches` are gone through by an iterator of
    their own, so that one of yours stays where it is. What cannot be put back: what data count or cache inside
    themselves or in workers, what `update` takes from an iterator of yours, files, and what other objects hold.

    >>> import torch
    >>> model = torch.nn.Linear(1, 1)
    >>> optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    >>> X = torch.linspace(-1, 1, 20)[:, None]
    >>> told = find_rate(model, optimizer, torch.nn.functional.mse_loss, [(X, 2 * X + 1)])
    >>> told.found.low < told.rate < told.found.high, optimizer.param_groups[0]["lr"]
    (True, 0.1)
    """
    _check(model, optimizer, batches, loss_fn, forward, update)
    rates, count = rising(low, high, updates), whole("find_rate", "accumulate", accumulate, low=1)
    still = list(schedulers) if isinstance(schedulers, (list, tuple)) else [schedulers]
    kept = Kept(model, optimizer, loss_fn, scaler, still)
    stream = Stream(seed)
    holders = (batches, loss_fn, forward, update, *(vars(one) for one in model.modules()))
    stream.adopt(found_in(*holders), seed)
    with stream.drawn(), torch.enable_grad(), _as_found(kept, batches):
        _stand_still(kept, still)
        turn = _Turn(model, optimizer, update)
        if update is None:
            own = _Own(_model(model, loss_fn, forward, autocast), optimizer, _endless(batches), scaler, count)
            turn.update = own.update
        about = f"{type(optimizer).__name__} on {type(model).__name__}"
        return swept(rates, lambda t: turn.at(float(rates[t])), about, INSTEAD)


class _Turn:
    """The optimizer's rates, written before each update, and what is looked at after it."""

    def __init__(self, model: nn.Module, optimizer: Optimizer, update: Callable[[], Any] | None) -> None:
        self.knobs, self.update = Groups(optimizer), update
        self.params = [one for group in optimizer.param_groups for one in group["params"]]
        own = [self.knobs.initial(i, "lr") for i in range(self.knobs.count())]
        self.proportions = [one / own[0] if own[0] > 0 else 1.0 for one in own]

    def at(self, rate: float) -> float:
        """The loss of an update at a rate, averaged over the ranks; NaN where anything is not finite."""
        for i, proportion in enumerate(self.proportions):
            self.knobs.put(i, "lr", rate * proportion)
        assert self.update is not None
        try:
            found: Any = self.update()
        except Exception:
            if _finite(self.params) and _finite([one.grad for one in self.params if one.grad is not None]):
                raise
            found = math.nan  # what many loops do about a gradient that is not finite
        if found is None:
            raise StepsizeError(
                "find_rate: update must return the loss of its batch, not None: end it with return loss"
            )
        loss = averaged({"loss": found}, owner="find_rate")["loss"]
        return loss if _finite(self.params) else math.nan


class _Own:
    """One update from batches, as a plain loop makes it."""

    def __init__(self, model: Model, optimizer: Optimizer, batches: Iterator[Any], scaler: Any, count: int) -> None:
        self.model, self.optimizer, self.batches, self.count = model, optimizer, batches, count
        self.scaler = torch.amp.GradScaler(model.device.type, enabled=False) if scaler is None else scaler
        self.params = [one for group in optimizer.param_groups for one in group["params"]]

    def update(self) -> float:
        """An update and its loss; one that the scaler leaves out is made with the next batches."""
        for _ in range(MOST_LEFT_OUT):
            loss = self._gradients()
            if not math.isfinite(averaged({"loss": loss}, owner="find_rate")["loss"]):
                return math.nan
            sound = _finite([one.grad for one in self.params if one.grad is not None])
            if not sound and not self.scaler.is_enabled():
                return math.nan
            self.scaler.step(self.optimizer)
            self.scaler.update()
            measured(self.optimizer).forget()
            if sound:
                return loss
        return math.nan

    def _gradients(self) -> float:
        """Put the mean gradient of the next batches in place; their mean loss."""
        self.optimizer.zero_grad(set_to_none=True)
        losses = []
        for _ in range(self.count):
            loss = self.model.loss(next(self.batches))
            self.scaler.scale(loss / self.count).backward()
            losses.append(float(loss.detach()))
        if self.scaler.is_enabled():
            self.scaler.unscale_(self.optimizer)
        return math.fsum(losses) / self.count if all(map(math.isfinite, losses)) else math.nan


def _model(model: nn.Module, loss_fn: Any, forward: Any, autocast: torch.dtype | None) -> Model:
    """The model as a loop trains it: a module that was put into evaluation mode on purpose stays in it."""
    modes = {one: one.training for one in model.modules()}
    made = Model(model, loss_fn, forward, autocast)
    for one, mode in modes.items() if model.training and modes[model] else ():
        one.training = mode
    return made


def _endless(batches: Any) -> Iterator[Any]:
    """The batches, epoch after epoch; of a DataLoader by a copy, whose workers end with the epoch."""
    if isinstance(batches, DataLoader):
        batches = copy.copy(batches)
        vars(batches)["persistent_workers"] = False  # which DataLoader lets nobody assign
    while True:
        empty = True
        for one in batches:
            empty = False
            yield one
        if empty:
            raise StepsizeError("find_rate: batches gave no batch: give at least one")


def _stand_still(kept: Kept, schedulers: list[Any]) -> None:
    """Let schedulers write nothing: those that were named, those of ours on the optimizer, and a strategy's own."""
    for one in schedulers:
        one.step = lambda *_, **__: None
    for one in kept.each(Scheduler):
        one._others._told = True  # that the rate is another's is meant
        if isinstance(one.optimizer, Strategy) and one is one.optimizer.scheduler:
            one.course = begin_course(constant(), one._host, one._knobs, 0)
        else:
            one.step = lambda *_, **__: None


@contextmanager
def _as_found(kept: Kept, batches: Any) -> Iterator[None]:
    """Everything is put back at the end; mistakes are said in the name of this function."""
    samplers = [getattr(batches, name, None) for name in ("sampler", "batch_sampler", "dataset")]
    counted = [(one, dict(vars(one))) for one in samplers if hasattr(one, "__dict__")]
    try:
        yield
    except StepsizeError as error:
        raise StepsizeError(
            "find_rate: " + str(error).removeprefix("training: ").removeprefix("find_rate: ")
        ) from error
    finally:
        kept.back()
        for one, held in counted:
            vars(one).clear()
            vars(one).update(held)


def _finite(tensors: list[Tensor]) -> bool:
    return all(bool(one.detach().isfinite().all()) for one in tensors)


def _check(model: Any, optimizer: Any, batches: Any, loss_fn: Any, forward: Any, update: Any) -> None:
    if not isinstance(model, nn.Module):
        raise StepsizeError(f"find_rate: model must be a torch.nn.Module, not {type(model).__name__}")
    if not isinstance(optimizer, Optimizer) or any("lr" not in one for one in optimizer.param_groups):
        raise StepsizeError(
            f"find_rate: optimizer must be a torch.optim.Optimizer with lr, not {type(optimizer).__name__}"
        )
    if update is not None:
        if not callable(update) or any(one is not None for one in (batches, loss_fn, forward)):
            raise StepsizeError("find_rate: update is a function that makes one whole update: leave the rest out")
        return
    if (loss_fn is None) == (forward is None):
        raise StepsizeError("find_rate: give loss_fn, or forward(model, batch) that returns the loss, and not both")
    if not isinstance(batches, Iterable) or isinstance(batches, (Tensor, str)):
        raise StepsizeError(
            f"find_rate: batches must be a DataLoader or a list of batches, not {type(batches).__name__}: write "
            "[(inputs, targets)] for one batch"
        )
    if hasattr(batches, "__next__"):
        raise StepsizeError(
            "find_rate: batches must be what can be gone through again, such as the DataLoader, not an iterator: what "
            "is taken from it cannot be put back"
        )
