"""A callback of the Trainer of transformers that records a run."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from ..torch.recorder import Recorder

_host: Any = import_module("transformers")


class RecorderCallback(_host.TrainerCallback):  # type: ignore[misc]
    """Writes down a run of the Trainer: every update, and what it evaluates.

    `trainer.add_callback(RecorderCallback("run.jsonl", trainer))`: the trainer itself, whose losses it takes as they
    are made; no other place of the Trainer shows the loss of each batch. `path` and `options` are those of `Recorder`;
    the updates planned are `max_steps`, and a run that goes on from a checkpoint goes on in its file. Under
    accumulation the loss is that of the whole update, as the Trainer logs it. `eval_loss` is the validation loss, every
    other `eval_…` a metric.
    """

    def __init__(self, path: str | Path, trainer: Any, **options: Any) -> None:
        self._path, self._options = path, options
        self.recorder: Recorder | None = None
        self._losses: list[Any] = []
        train = trainer.training_step

        def training_step(*args: Any, **kwargs: Any) -> Any:
            loss = train(*args, **kwargs)  # its share of the update's: some models weigh batches by their tokens
            if self.recorder is not None:
                self._losses.append(loss)
            return loss

        trainer.training_step = training_step

    def on_train_begin(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        """Begin, where the run begins or goes on."""
        options = {"model": model, "done": state.global_step, "total_steps": state.max_steps or None, **self._options}
        self.recorder, self._losses = Recorder(kwargs["optimizer"], self._path, **options), []

    def on_optimizer_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """An update was made: its loss is the sum of the shares that came since the one before."""
        losses, self._losses = self._losses, []
        if self.recorder is not None and losses:
            self.recorder.step(sum(losses))

    def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
        """Write what was evaluated."""
        told = {name.removeprefix("eval_"): one for name, one in (metrics or {}).items() if name.startswith("eval_")}
        numbers = {name: one for name, one in told.items() if isinstance(one, (int, float)) and name not in _SPEED}
        loss = numbers.pop("loss", None)
        if self.recorder is not None and (numbers or loss is not None):
            self.recorder.validation(loss, **numbers)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The run is over."""
        if self.recorder is not None:
            self.recorder.close()
        self.recorder = None


_SPEED = ("runtime", "samples_per_second", "steps_per_second", "model_preparation_time")
