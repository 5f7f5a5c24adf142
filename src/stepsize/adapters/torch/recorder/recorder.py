"""A record of a torch run, for `stepsize diagnose`, `report` and `watch`: one JSON line for each update."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from types import TracebackType
from typing import Any

import torch
from torch import Tensor, distributed
from torch.optim import Optimizer

from ...._errors import StepsizeError, whole
from ....course.recorded import KIND, METRIC, VALIDATED, VERSION
from ...sinks.writing import Row, Writing
from ..clips.closures import hookable, with_closure
from ..clips.measured import measured
from ..clips.norms import members_of
from ..ranks import as_number
from ..strategy.base import Strategy
from .decided import TOLD, Decided, decision
from .due import Due
from .gradients import as_numbers, gradients_of
from .layers import layers_of
from .limited import Limited
from .moved import Moved
from .pairing import Pairing
from .scale import Scale
from .settings import Moving, names_of, settings_of
from .spent import Spent

LARGE = 10**6  # parameters from which on lengths by layer are taken more seldom
SELDOM, OFTEN = 50, 10


class Recorder:
    """Writes down a run of any torch optimizer, update by update.

    The file begins with a line about the run: the strategy or schedule, the updates planned, the optimizer with its
    settings. Then each update has a line: its `step`, the `loss` of its batch, the rate `lr` that it was made with (of
    the first group, and `lr/GROUP` of each where there are several), every other hyper-parameter that moves, the length
    `grad_norm` of the gradient as it came to `optimizer.step()` (before clips of ours, after those that your loop
    calls), the share of elements `clipped` by clips of ours, where there are any, the `seconds` of an update, and on
    CUDA the `memory`. Every `layers_every` updates it has the length of the update and of all weights, `update_norm`
    and `weight_norm`, and with a `model` for every layer the gradient's length `grad_norm/LAYER` and the update's over
    that of the weights, `update/LAYER`; a layer is a module with a weight of two or more dimensions (LayerNorm has few
    numbers and tells nothing of depth). What was decided has its reason under `decisions`, at the update that it acts
    on: by controllers of a `Scheduler` or a strategy, by clips, by `on_nonfinite="skip"` (also `skipped` 1), by the
    loss scale of a `scaler`. docs/record.md has every column.

    Use it beside the loop: `recorder.step(loss)` after every `optimizer.step()`; a loss that comes before its update,
    as in a closure, is kept for it; an update whose loss is never handed over counts and has no line.
    `recorder.validation(loss, accuracy=…)` after each look at other data. When not: where you have a log with such
    columns already, `stepsize diagnose` reads that.

    `every` ≥ 1 writes only every so many updates, which is how often numbers are read back from an accelerator.
    `layers_every` ≥ 1 is 10 where nothing is said, and 50 for a million parameters or more: there a copy of the weights
    is made. `total_steps` is the number of updates planned, so that a schedule that ends early or late can be seen (a
    strategy or a `Scheduler` knows it). `sinks` get every row too: values of `stepsize.adapters.sinks`, or functions.
    A new record begins at `done=0` and refuses a file that is there; with `done` > 0 a stopped run goes on in the same
    file. Every line is on disk when `step` returns, so a run that dies keeps its record; a disk that is full ends the
    record with a warning. An update that mixed precision leaves out has no line. Where torch.distributed runs, rank 0
    writes, with the loss of its own batch, and every rank must call it alike. `close()`, or the end of a `with`, takes
    it off.

    >>> import json, tempfile
    >>> weight = torch.nn.Parameter(torch.ones(1))
    >>> optimizer = torch.optim.SGD([weight], lr=0.5)
    >>> path = tempfile.mkdtemp() + "/run.jsonl"
    >>> with Recorder(optimizer, path) as recorder:
    ...     loss = (weight**2).sum()
    ...     loss.backward()
    ...     optimizer.step()
    ...     recorder.step(loss)
    >>> head, row = map(json.loads, Path(path).read_text().splitlines())
    >>> head["optimizer"]["class"], [row[name] for name in ("step", "loss", "lr", "grad_norm", "update_norm")]
    ('SGD', [0, 1.0, 0.5, 2.0, 1.0])
    """

    def __init__(
        self,
        optimizer: Optimizer,
        path: str | Path,
        model: torch.nn.Module | None = None,
        *,
        total_steps: int | None = None,
        every: int = 1,
        layers_every: int | None = None,
        done: int = 0,
        sinks: Iterable[Any] = (),
        scaler: Any = None,
    ) -> None:
        if not isinstance(path, (str, Path)):
            raise StepsizeError(f"Recorder: path must name a file to write, not {path!r}")
        self.optimizer, self.path = hookable("Recorder", optimizer), Path(path)
        self.every = whole("Recorder", "every", every, low=1)
        self._layers = {} if model is None else layers_of(model)
        self.layers_every = self._interval(layers_every)
        self.done = whole("Recorder", "done", done, low=0)
        self._planned = None if total_steps is None else whole("Recorder", "total_steps", total_steps, low=1)
        self._scale = None if scaler is None else Scale(scaler)
        self._writing = Writing("Recorder", self.path, self.done, sinks, _is_first_rank())
        self._began_at, self._pairing, self._decided = self.done, Pairing(), Decided(self.optimizer)
        seldom = self.every * max(self.layers_every // self.every, 1)
        self._row_due, self._layers_due = Due(self.every, self.done), Due(seldom, self.done)
        self._moving, self._moved = Moving(self.optimizer), Moved(self._layers)
        self._limited, self._spent = Limited(self.optimizer), Spent(self.optimizer)
        self._row: Row | None = None  # of an update that waits for its loss
        self._decisions: list[Row] = []  # that act on the update that is being made
        self._made = self._waits = self._layered = False
        self._unsure: list[Tensor] = []  # of updates without a row: whether a fused optimizer left them out
        before = self.optimizer.register_step_pre_hook(self._before)
        after = self.optimizer.register_step_post_hook(self._after)
        _first(self.optimizer._optimizer_step_pre_hooks, before.id)  # before any clip
        _first(self.optimizer._optimizer_step_post_hooks, after.id)  # before the next rate is written
        self._hooks = [before, after, self.optimizer.register_step_post_hook(self._finished)]

    def step(self, loss: Any) -> None:
        """Take the loss of an update, a number or a tensor of one, and write the line of the update that it belongs to.

        Call it right after `optimizer.step()`, where one may; before it, or in a closure, the line is written when the
        update is made. Several losses for one update are its mean there.
        """
        self._write_down(self._pairing.came(loss, self.optimizer))

    def validation(self, loss: Any = None, **metrics: Any) -> None:
        """Write down a look at other data after the updates made so far: its loss, and any measures by their names.

        The time that the look took counts for no update.
        """
        given = {VALIDATED: loss} | {METRIC + name: one for name, one in metrics.items()}
        row = {name: as_number(name, one, "Recorder") for name, one in given.items() if one is not None}
        if not row:
            raise StepsizeError("Recorder: validation() got nothing: write validation(loss) or validation(accuracy=…)")
        self._put([{"step": self.done + self._waits, **row}])
        self._spent.begin()

    def close(self) -> None:
        """Take the recorder off the optimizer."""
        if self._writing.open:
            self._over(self._pairing.closed())
            self._put(self._news())
        for hook in self._hooks:
            hook.remove()
        self._limited.end()
        self._writing.close()

    def __enter__(self) -> Recorder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _interval(self, layers_every: int | None) -> int:
        if layers_every is not None:
            return whole("Recorder", "layers_every", layers_every, low=1)
        count = sum(one.param.numel() for one in members_of(self.optimizer))
        return SELDOM if count >= LARGE else OFTEN

    def _head(self) -> Row:
        """What is known of the whole run when its first row is written."""
        text, planned = self._decided.about()
        if isinstance(self.optimizer, Strategy):
            text, planned = str(self.optimizer.strategy), self.optimizer.scheduler.units["total_steps"]
        return {
            "kind": KIND,
            "version": VERSION,
            "strategy": text,
            "planned_steps": planned if self._planned is None else self._planned,
            "groups": names_of(self.optimizer),
            "optimizer": settings_of(self.optimizer),
            "every": self.every,
            "layers_every": self.layers_every,
            **({"done": self._began_at} if self._began_at else {}),
        }

    def _put(self, rows: list[Row]) -> None:
        self._writing.put(rows, self.done, self._head)

    # before an update

    def _before(self, optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
        """Look at the gradients: now, or when the closure has made them."""
        self._over(self._pairing.begin())
        after: Any = optimizer._optimizer_step_post_hooks  # in the order in which they are called
        after.move_to_end(self._hooks[-1].id)
        looked = self._row_due.at(self.done)
        self._layered = looked and self._layers_due.at(self.done)
        if looked and self._unsure:
            self._count_again()
        decisions, metrics = self._decided.new()
        self._decisions += decisions
        self._put(_metrics_row(self.done, metrics))
        self._limited.begin(looked)
        self._row = {} if looked else None
        if self._layered:
            self._moved.keep(optimizer)
        return self._looking(optimizer, args, kwargs) if looked else None

    def _looking(self, optimizer: Optimizer, args: Any, kwargs: Any) -> Any:
        def wrap(closure: Callable[[], Any]) -> Callable[[], Any]:
            def closure_then_look() -> Any:
                loss = closure()
                if not self._row:  # the first call is the update's, the others are trials
                    self._look(optimizer)
                return loss

            return closure_then_look

        changed = with_closure(args, kwargs, wrap)
        if changed is None:
            self._look(optimizer)
        return changed

    def _look(self, optimizer: Optimizer) -> None:
        self._row = gradients_of(optimizer, self._layers if self._layered else {})

    def _count_again(self) -> None:
        """Count no updates that a fused optimizer has left out by itself."""
        left_out = int((torch.stack([one.reshape(()) for one in self._unsure]) > 0).sum())
        self.done, self._unsure = self.done - left_out, []

    # after it

    def _after(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        measured(optimizer).forget()
        overflow = getattr(optimizer, "found_inf", None)  # a fused optimizer leaves such an update out by itself
        sure = overflow is None or self._row is not None or overflow.device.type == "cpu"
        self._made = overflow is None or not sure or not float(overflow)
        if overflow is not None and not sure:
            self._unsure.append(overflow)
        if self._row is not None:
            self._row = self._moving.now(self._decided.scheduled()) | self._row
        self._decisions += self._decided.new()[0]
        wrong = self._limited.left_out()
        if wrong is not None and self._row is not None:
            self._row["skipped"] = 1
        skip = self._limited.skip(wrong)
        self._decisions += [] if skip is None else [skip]

    def _finished(self, optimizer: Optimizer, args: Any, kwargs: Any) -> None:
        """Last of all: what the clips limited is known, and gradients that they took are back."""
        if not self._made:
            self._moved.forget()
            self._pairing.left_out()
            why = "mixed precision left an update out, whose gradients were infinite"
            self._decisions.append(decision("amp", why, 0.0))
            return
        self._spent.update()
        if self._layered and self._row is not None:
            moved = {} if "skipped" in self._row else self._moved.found()
            self._row |= moved
            self._moved.forget()
        self._waits = True
        self._write_down(self._pairing.made(optimizer))

    def _over(self, losses: list[Any] | None) -> None:
        """The last update has its losses by now, or counts without any."""
        if losses is None and self._waits:
            losses, self._row = [], None
        self._write_down(losses)

    def _write_down(self, losses: list[Any] | None) -> None:
        """Write the line of the last update, if its loss is known."""
        if losses is None:
            return
        if self._row is not None:  # on every rank: a loss may lie on all of them
            self._put([self._line(losses, self._row)])
            self._row_due.met(self.done)
            if self._layered:
                self._layers_due.met(self.done)
        elif self._decisions:
            self._put([{"step": self.done, "decisions": self._decisions}])
        self._decisions, self._row, self._waits = [], None, False
        self.done += 1
        self._put(self._news())

    def _line(self, losses: list[Any], found: Row) -> Row:
        loss = sum(as_number("loss", one, "Recorder") for one in losses) / len(losses)
        shares = self._limited.shares()
        row: Row = {"step": self.done} | as_numbers({"loss": loss} | found)
        if shares:
            row["clipped"] = max(shares.values())
            self._decisions += self._limited.began(shares, row.get("grad_norm"))
        if self._scale is not None:
            column, decisions = self._scale.now()
            row |= column
            self._decisions += decisions
        row |= self._spent.found()
        return row | ({"decisions": self._decisions} if self._decisions else {})

    def _news(self) -> list[Row]:
        """What was decided and told since, which acts on the update to come."""
        decisions, metrics = self._decided.new()
        return _metrics_row(self.done, metrics) + ([{"step": self.done, "decisions": decisions}] if decisions else [])


def _metrics_row(done: int, metrics: list[float]) -> list[Row]:
    """The row of what schedulers were told after so many updates, if anything."""
    return [{"step": done, TOLD: metrics[-1]}] if metrics else []


def _is_first_rank() -> bool:
    return not (distributed.is_available() and distributed.is_initialized()) or distributed.get_rank() == 0


def _first(hooks: Any, key: int) -> None:
    hooks.move_to_end(key, last=False)
