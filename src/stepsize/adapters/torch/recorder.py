"""A record of a torch run, for `stepsize diagnose`: one JSON line for each update."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, distributed
from torch.optim import Optimizer

from ..._errors import StepsizeError, whole
from ...clipping.trust import trust
from ...course.log import Log
from ...descents import Clip
from .clips.closures import hookable, with_closure
from .clips.hung import Clipping
from .clips.measured import measured
from .clips.norms import length_of, members_of, settled
from .knobs import Groups
from .pairing import Pairing
from .strategy.base import Strategy
from .strategy.fused import Hooked
from .strategy.staged import StrategyEngine


class Recorder:
    """Writes down a run of any torch optimizer, update by update, for `stepsize diagnose`.

    Each line of the file has the update's `step`, the `loss` of its batch, the rate `lr` that it was made with (of the
    first group), the length `grad_norm` of the gradient as it came to `optimizer.step()` (before clips of ours, after
    those that your loop calls), the share of elements `clipped` by clips of ours, where there are any, and with a
    `model` the length for every layer of it, as `grad_norm/LAYER`, a layer being a module with a weight of two or more
    dimensions (LayerNorm has few numbers and tells nothing of depth). An update that `on_nonfinite="skip"` left out has
    `skipped` 1. Use it beside the loop: `recorder.step(loss)` after every `optimizer.step()`; a loss that comes before
    its update, as in a closure, is kept for it. When not: where you have a log with such columns already, `stepsize
    diagnose` reads that.

    `every` ≥ 1 writes only every so many updates, which is how often numbers are read back from an accelerator;
    `total_steps` is the number of updates planned, so that a schedule that ends early or late can be seen (a strategy
    of `optimizer` knows it). A new record begins at `done=0` and refuses a file that is there; with `done` > 0 a
    stopped run goes on in the same file. Every line is on disk when `step` returns, so a run that dies keeps its
    record; a disk that is full ends the record with a warning. An update that mixed precision leaves out has no line.
    Where torch.distributed runs, rank 0 writes, with the loss of its own batch, and every rank must call it alike.
    `close()`, or the end of a `with`, takes it off.

    >>> import tempfile
    >>> weight = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.SGD([weight], lr=0.5)
    >>> path = tempfile.mkdtemp() + "/run.jsonl"
    >>> with Recorder(optimizer, path) as recorder:
    ...     loss = (weight**2).sum()
    ...     loss.backward()
    ...     optimizer.step()
    ...     recorder.step(loss)
    >>> print(Path(path).read_text().strip())
    {"step": 0, "loss": 1.0, "lr": 0.5, "grad_norm": 2.0}
    """

    def __init__(
        self,
        optimizer: Optimizer,
        path: str | Path,
        model: torch.nn.Module | None = None,
        *,
        total_steps: int | None = None,
        every: int = 1,
        done: int = 0,
    ) -> None:
        if not isinstance(path, (str, Path)):
            raise StepsizeError(f"Recorder: path must name a file to write, not {path!r}")
        self.optimizer, self.path = hookable("Recorder", optimizer), Path(path)
        self.every = whole("Recorder", "every", every, low=1)
        self._layers = {} if model is None else _layers_of(model)
        self.done = whole("Recorder", "done", done, low=0)
        self._about = _about(self.optimizer, total_steps)  # in the first line
        self._found: dict[str, Any] | None = None  # of an update that waits for its loss
        self._log = self._opened()
        before = self.optimizer.register_step_pre_hook(self._before)
        after = self.optimizer.register_step_post_hook(self._after)
        _first(self.optimizer._optimizer_step_pre_hooks, before.id)  # before any clip
        _first(self.optimizer._optimizer_step_post_hooks, after.id)  # before the next rate is written
        self._hooks = [before, after, self.optimizer.register_step_post_hook(self._finished)]
        self._made = False
        self._pairing, self._left_out = Pairing(), 0

    def step(self, loss: Any) -> None:
        """Take the loss of an update, a number or a tensor of one, and write the line of the update that it belongs to.

        Call it right after `optimizer.step()`, where one may; before it, or in a closure, the line is written when the
        update is made. Several losses for one update are its mean there.
        """
        self._write_down(self._pairing.came(loss, self.optimizer))

    def _write_down(self, loss: float | None) -> None:
        """Write the line of the last update, if its loss is known."""
        if loss is None:
            return
        if self._found is not None:
            shares = [float(share) for one in clipping_of(self.optimizer) for share in one.shares or ()]
            if shares:
                self._found["clipped"] = max(shares)
            line = {"loss": loss} | self._found
            self._write({"step": self.done} | {key: _float(one) for key, one in line.items()} | self._about)
            self._about = {}
        self._found = None
        self.done += 1

    def _write(self, line: dict[str, Any]) -> None:
        """Put a line on disk; a full disk ends the record with a warning, not the run."""
        if self._log is None:
            return
        try:
            self._log.append(line)
        except OSError as error:
            told = f"Recorder: {self.path} ends at update {self.done}, it cannot be written: {error.strerror}"
            warnings.warn(told, stacklevel=3)
            self._log.close()
            self._log = None  # the hooks stay: one of them may be calling, and other ranks measure with this one

    def close(self) -> None:
        """Take the recorder off the optimizer."""
        if self._log is not None:
            self._write_down(self._pairing.closed())
        for hook in self._hooks:
            hook.remove()
        for one in clipping_of(self.optimizer):
            one.shares = None
        if self._log is not None:
            self._log.close()
        self._log = None

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _opened(self) -> Log | None:
        if distributed.is_available() and distributed.is_initialized() and distributed.get_rank() > 0:
            return None
        if self.done == 0 and self.path.exists():
            raise StepsizeError(f"Recorder: {self.path} is there already: name another file, or go on with done=…")
        try:
            return Log(self.path)
        except OSError as error:
            raise StepsizeError(f"Recorder: {self.path} cannot be written: {error.strerror}") from None

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
        """Look at the gradients: now, or when the closure has made them."""
        self._write_down(self._pairing.begin())
        self._found, self._left_out = None, _skips(optimizer)
        after: Any = optimizer._optimizer_step_post_hooks  # in the order in which they are called
        after.move_to_end(self._hooks[-1].id)
        for one in clipping_of(optimizer):
            one.shares = None if self.done % self.every else []
        if self.done % self.every:
            return None
        self._found = {}

        def wrap(closure: Callable[[], Any]) -> Callable[[], Any]:
            def closure_then_look() -> Any:
                loss = closure()
                if not self._found:  # the first call is the update's, the others are trials
                    self._look(optimizer)
                return loss

            return closure_then_look

        changed = with_closure(args, kwargs, wrap)
        if changed is None:
            self._look(optimizer)
        return changed

    def _look(self, optimizer: Optimizer) -> None:
        """The lengths of the gradients, which clips and controllers of this step need not measure again."""
        grads = {one.param: settled(one.param.grad) for one in members_of(optimizer) if one.param.grad is not None}
        scale = getattr(optimizer, "grad_scale", None)  # which a GradScaler leaves to a fused optimizer
        self._found = {}
        if not grads:
            return
        every, known = list(grads.values()), measured(optimizer)
        with torch.no_grad():
            layers = self._by_layer(grads)
            if layers:
                known.put(every, length_of(layers.values()))
            self._found = {"grad_norm": known.length(every)} | layers
            self._found.pop("", None)  # of what is in no layer
            if scale is not None:
                self._found = {name: one / scale.to(one) for name, one in self._found.items()}

    def _by_layer(self, grads: dict[Tensor, Tensor]) -> dict[str, Tensor]:
        """The length of every layer that has a gradient, and under "" of all the rest: together one pass."""
        left, found = dict(grads), dict[str, Tensor]()
        for name, params in self._layers.items():
            own = [left.pop(one) for one in params if one in left]
            if own:
                found[f"grad_norm/{name}"] = length_of(own)
        if found and left:
            found[""] = length_of(left.values())
        return found

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        measured(optimizer).forget()
        overflow = getattr(optimizer, "found_inf", None)  # a fused optimizer leaves such an update out by itself
        self._made = overflow is None or not float(overflow)
        if self._found is not None:
            self._found = {"lr": Groups(optimizer).get(0, "lr")} | self._found
            if _skips(optimizer) > self._left_out:
                self._found["skipped"] = 1

    def _finished(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Last of all: what the clips limited is known, and gradients that they took are back."""
        if self._made:
            self._write_down(self._pairing.made(optimizer))
        else:
            self._pairing.left_out()


def _layers_of(model: torch.nn.Module) -> dict[str, list[Tensor]]:
    """The parameters of each module that has a matrix of its own; shared ones count where they come first."""
    if not isinstance(model, torch.nn.Module):
        raise StepsizeError(f"Recorder: model must be a torch.nn.Module, not {type(model).__name__}")
    found: dict[str, list[Tensor]] = {}
    for name, param in model.named_parameters():
        found.setdefault(name.rpartition(".")[0] or "model", []).append(param)
    return {name: own for name, own in found.items() if any(one.dim() > 1 for one in own)}


def clipping_of(optimizer: Optimizer) -> list[Any]:
    """What bounds its gradients or its updates, and tells the share that it limited while `shares` is a list."""
    hung = [getattr(one, "__self__", None) for one in optimizer._optimizer_step_pre_hooks.values()]
    hung += optimizer._clips[1:] if isinstance(optimizer, Hooked) else []  # of the update, around torch's kernels
    found: list[Any] = [one for one in hung if isinstance(one, Clipping) and one.clips]
    stages = optimizer.strategy.stages if isinstance(optimizer, StrategyEngine) else ()
    return [*found, optimizer] if any(isinstance(one, (Clip, trust)) for one in stages) else found


def _skips(optimizer: Optimizer) -> int:
    """The updates that our clips and strategies have left out so far for gradients that are not finite."""
    hung = [getattr(one, "__self__", None) for one in optimizer._optimizer_step_pre_hooks.values()]
    return sum(one.skipped for one in hung if isinstance(one, Clipping))


def _about(optimizer: Optimizer, total_steps: int | None) -> dict[str, Any]:
    """What is known of the whole run: the updates planned, and the strategy where it is one."""
    planned, text = total_steps, None
    if isinstance(optimizer, Strategy):
        text, own = str(optimizer.strategy), optimizer.scheduler.units["total_steps"]
        planned = own if planned is None else planned
    planned = None if planned is None else whole("Recorder", "total_steps", planned, low=1)
    return {key: one for key, one in (("planned_steps", planned), ("strategy", text)) if one is not None}


def _first(hooks: Any, key: int) -> None:
    hooks.move_to_end(key, last=False)


def _float(one: Any) -> float:
    return float(one.detach() if isinstance(one, Tensor) else one)
