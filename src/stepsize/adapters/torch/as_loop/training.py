"""A torch training as a value: what every trial trains, in the way of the user's own loop."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ...._errors import StepsizeError, flag, whole
from ...._language import Note
from ....descents import descent
from ....lengths import MissingFactError
from ....rules.sgd import sgd
from ....schedules.rate import rate
from .attempts import attempt
from .batches import Batches
from .going import Going
from .looking import Look
from .model import Model
from .parts import Part
from .randomness import Stream
from .stepping import Stepping

_PRECISIONS = (torch.bfloat16, torch.float16)


class training:
    """Any torch training, as trials of a study train it: one at a time, in a loop like your own.

    Formula: update t is θ ← θ − Δ, from the mean gradient of `accumulate` batches. Use it where `problem` refuses or
    means something else: a DataLoader with augmentation, BatchNorm, autocast, a GradScaler, accumulation, an optimizer
    of your own. When not: small models on data in memory are a `problem`, whose runs train side by side.

    `module` is a function without arguments that builds it, under the random numbers of the trial's seed, or a
    torch.nn.Module, of which every trial has a copy. `loss_fn` takes (output, targets) and returns one number, a mean
    over the rows; or `forward(module, batch)` returns it, for batches that are not (inputs, …, targets). `data` is what
    is trained on; `validation` what the rate is chosen by; `test` what strategies are judged by. Each is a DataLoader
    (its generators begin at the trial's seed), a function of the seed that builds one, a dataset, or (inputs, …,
    targets); the last two are drawn as `descend` draws them, by the trial's batch size. Batches go to the device of
    the module.

    `optimizer` is a torch.optim.Optimizer class (or a functools.partial of one), or a function of the module that
    builds one: then a strategy is a rate, such as `0.1 * cosine()`, which a `Scheduler` puts on it; groups keep the
    proportions of their rates to the first. Left out, strategies are whole, `adam() | 0.001 * cosine()`, and
    stepsize's `optimizer` runs them. `autocast` is torch.bfloat16 or torch.float16; with `scaler` a GradScaler scales
    the loss, and an update that it leaves out is made with the next batches. `accumulate` ≥ 1 batches make an update;
    steps count updates, epochs go on where one ends in the middle of an update. `metrics` are functions of all
    (output, targets) of the part that judges, by name.

    What a run writes down as its training loss is the mean over the updates since the last look. Controllers that
    watch a metric see the validation loss at each look. Every trial draws random numbers of its own (torch, Python,
    NumPy, and generators that the data hold), the batches from another stream than the model; the caller's stay as
    they are. The end of a trial is that of its steps. Bad input is a StepsizeError.

    >>> import torch
    >>> X = torch.linspace(-1, 1, 20)[:, None]
    >>> line = training(lambda: torch.nn.Linear(1, 1), torch.nn.functional.mse_loss, (X, 2 * X + 1))
    >>> line
    <training of 20 rows>
    >>> from stepsize.lab.trials.loop import Loop
    >>> from stepsize.lab.trials.trial import Trial
    >>> lot = Loop(line).begin([Trial("mine", "sgd() | 0.3", "line", 0.3, seed=0, steps=100)])
    >>> while lot.goes_on():
    ...     lot.update()
    >>> run = lot.runs()[0]
    >>> {name: round(one.item(), 3) for name, one in run.params.items()}
    {'weight': 2.0, 'bias': 1.0}
    """

    def __init__(
        self,
        module: nn.Module | Callable[[], nn.Module],
        loss_fn: Callable[[Any, Any], Tensor] | None,
        data: Any,
        *,
        validation: Any = None,
        test: Any = None,
        forward: Callable[[nn.Module, Any], Tensor] | None = None,
        optimizer: type[Optimizer] | Callable[..., Optimizer] | None = None,
        autocast: torch.dtype | None = None,
        scaler: bool = False,
        accumulate: int = 1,
        metrics: Mapping[str, Callable[[Tensor, Tensor], Any]] | None = None,
    ) -> None:
        self.module, self.loss_fn, self.forward, self.optimizer = module, loss_fn, forward, optimizer
        self.data = Part("data", data)
        self.validation = None if validation is None else Part("validation", validation)
        self.test = None if test is None else Part("test", test)
        self.autocast, self.scaler = autocast, flag("training", "scaler", scaler)
        self.accumulate = whole("training", "accumulate", accumulate, low=1)
        self.metrics = dict(metrics or {})
        self._check()

    @property
    def size(self) -> int | None:
        """The rows to train on, None where they cannot be counted beforehand."""
        return self.data.size

    @property
    def sizes(self) -> dict[str, int | None]:
        """The rows of every part that there is, by its name."""
        return {one.name: one.size for one in (self.data, self.validation, self.test) if one is not None}

    @property
    def own_batches(self) -> bool:
        """Whether a loader decides the rows of a batch, so that a trial has no batch size."""
        return self.data.own_batches

    @property
    def whole_strategies(self) -> bool:
        """Whether a strategy is a rule and a rate; with an optimizer of the user's it is a rate alone."""
        return self.optimizer is None

    @property
    def notes(self) -> tuple[str, ...]:
        """What a report says of the way in which it is trained."""
        told = [Note("trained by a loop, one run at a time")]
        if self.autocast is not None:
            told.append(Note("autocast to {kind}", kind=_name(self.autocast)))
        if self.scaler:
            told.append(Note("gradients scaled by a GradScaler"))
        if self.accumulate != 1:
            told.append(Note("{count} batches an update", count=self.accumulate))
        return tuple(told)

    def start(self, seed: int) -> dict[str, Any]:
        """The parameters that a seed starts from, as arrays."""
        trained = self._model(Stream(seed)).trained
        return {name: one.detach().to("cpu", torch.float64).numpy().copy() for name, one in trained.items()}

    def check(self, strategy: descent | rate, steps: int, batch_size: int | None = None) -> None:
        """Refuse a strategy that this training cannot run, before anything is trained."""
        model = self._model(Stream(0))
        self._stepping(model, strategy, steps, self._batches(self.data, 0, batch_size, model))

    def try_out(self, batch_size: int | None = None) -> None:
        """Make one update and look at one batch of each part, so that a mistake is said before training."""
        strategy: descent | rate = descent(sgd(), rate(1e-6)) if self.whole_strategies else rate(1e-6)
        going = self.begin(strategy, seed=0, steps=1, batch_size=batch_size)
        going.update()
        going.look(most=1)

    def begin(
        self,
        strategy: descent | rate,
        *,
        seed: int,
        steps: int,
        batch_size: int | None = None,
        saved: bytes | None = None,
    ) -> Going:
        """A run that is at its start, or where it was `saved`."""
        stream = Stream(seed)
        model = self._model(stream)
        batches = self._batches(self.data, seed, batch_size, model)
        stepping = self._stepping(model, strategy, steps, batches)
        looks = {one.name: Look(self._batches(one, seed, None, model)) for one in (self.validation, self.test) if one}
        going = Going(model, stream, batches, stepping, looks, self.metrics, self.accumulate)
        if saved is not None:
            going.recall(saved)
        return going

    def __repr__(self) -> str:
        rows = "rows that a loader brings" if self.size is None else f"{self.size:,} rows"
        return f"<training of {rows}>"

    def _check(self) -> None:
        if not callable(self.module):
            raise StepsizeError(
                "training: module must be a function without arguments that builds a torch.nn.Module, or one, not "
                f"{self.module!r}"
            )
        if self.forward is None and not callable(self.loss_fn):
            raise StepsizeError(f"training: loss_fn must be a function of (output, targets), not {self.loss_fn!r}")
        for name in ("forward", "optimizer"):
            one = getattr(self, name)
            if one is not None and not callable(one):
                raise StepsizeError(f"training: {name} must be a function, not {one!r}")
        if self.autocast is not None and self.autocast not in _PRECISIONS:
            raise StepsizeError(f"training: autocast must be torch.bfloat16 or torch.float16, not {self.autocast!r}")
        for name, one in self.metrics.items():
            if not isinstance(name, str) or not callable(one):
                raise StepsizeError(f"training: metrics must be functions by name, not {name!r}: {one!r}")
        if self.metrics and self.validation is None and self.test is None:
            raise StepsizeError("training: metrics are measured on test or on validation: give one of them")
        if self.metrics and self.forward is not None:
            raise StepsizeError("training: metrics take (output, targets), which forward keeps: leave one of them out")

    def _model(self, stream: Stream) -> Model:
        """The module of a trial; its random numbers are those of `stream`."""
        with stream.drawn():
            if isinstance(self.module, nn.Module):
                given = self.module
                made = attempt("copying the module (pass a function that builds it)", lambda: copy.deepcopy(given))
            else:
                made = attempt("building the module", self.module)
        if not isinstance(made, nn.Module):
            raise StepsizeError(f"training: the function must build a torch.nn.Module, not {type(made).__name__}")
        return Model(made, self.loss_fn, self.forward, self.autocast)

    def _batches(self, part: Part, seed: int, batch_size: int | None, model: Model) -> Batches:
        made = Batches(part, seed, batch_size, model.like)
        if part.own_batches and batch_size is not None and batch_size != made.rows:
            said = "its batches" if made.rows is None else f"batches of {made.rows}"
            raise StepsizeError(
                f"training: the loader of {part.name} makes {said}, not of batch_size={batch_size}: leave batch_size "
                "out, or give a dataset"
            )
        return made

    def _stepping(self, model: Model, strategy: descent | rate, steps: int, batches: Batches) -> Stepping:
        if self.optimizer is None and isinstance(strategy, rate):
            raise StepsizeError(f"training: {strategy} is a rate without a rule: write sgd() | {strategy}")
        if self.optimizer is not None and not isinstance(strategy, rate):
            raise StepsizeError(
                f"training: the optimizer is yours, so a strategy is its rate alone: write {strategy.rate}, not "
                f"{strategy}, or leave optimizer out"
            )
        epoch, rows = batches.an_epoch, batches.rows
        units: dict[str, Any] = {
            "steps_per_epoch": None if not epoch else epoch / self.accumulate,
            "batch_size": None if rows is None else rows * self.accumulate,
        }
        try:
            strategy.over(steps, **units)
        except MissingFactError as error:
            raise error.at('steps (500) or a share ("5%"), as the data do not tell it') from None
        return Stepping(model, strategy, self.optimizer, self.scaler, {"total_steps": steps, **units})


def _name(dtype: torch.dtype) -> str:
    return str(dtype).removeprefix("torch.")
