"""A callback of PyTorch Lightning that records a run."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from ..torch.recorder import Recorder

_host: Any = import_module("lightning.pytorch" if find_spec("lightning") else "pytorch_lightning")


class RecorderCallback(_host.Callback):  # type: ignore[misc]
    """Writes down a run of Lightning: every update, and what it logs of validation.

    `Trainer(callbacks=[RecorderCallback("run.jsonl")])`. `path` and `options` are those of `Recorder`; the updates
    planned are those of the trainer, and a run that goes on from a checkpoint goes on in its file. The loss is what
    `training_step` returns, under accumulation the mean. After each validation every number that was logged with a
    name that has "val" in it is written, `val_loss` as the validation loss. Use it with one optimizer and automatic
    optimization; in manual optimization write `Recorder` into the module.
    """

    def __init__(self, path: str | Path, **options: Any) -> None:
        super().__init__()
        self._path, self._options = path, options
        self.recorder: Recorder | None = None
        self._losses: list[Any] = []
        self._seen = 0

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """Begin, where the run begins or goes on."""
        steps = trainer.estimated_stepping_batches
        known = {"total_steps": int(steps)} if 0 < steps < float("inf") else {}
        options = {"model": pl_module, "done": trainer.global_step, **known, **self._options}
        self.recorder = Recorder(trainer.optimizers[0], self._path, **options)
        self._seen, self._losses = trainer.global_step, []

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Keep the loss of a batch; where an update was made, write it."""
        loss = outputs.get("loss") if isinstance(outputs, dict) else outputs
        if loss is not None:
            self._losses.append(loss * trainer.accumulate_grad_batches)  # Lightning hands over its share
        if trainer.global_step > self._seen and self.recorder is not None:
            self._seen = trainer.global_step
            losses, self._losses = self._losses, []
            if losses:
                self.recorder.step(sum(losses) / len(losses))

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Write what was logged of validation; before training there is nothing to write."""
        if self.recorder is None or trainer.sanity_checking:
            return
        found = {name: one for name, one in trainer.callback_metrics.items() if "val" in name}
        loss = found.pop("val_loss", None)
        if found or loss is not None:
            self.recorder.validation(loss, **found)

    def teardown(self, trainer: Any, pl_module: Any, stage: str) -> None:
        """The run is over, or broke off."""
        if self.recorder is not None:
            self.recorder.close()
        self.recorder = None
