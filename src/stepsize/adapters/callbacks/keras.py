"""A callback of Keras that writes the rows of a record, on any backend."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

from ...course.recorded import KIND, METRIC, VALIDATED, VERSION
from ..sinks.writing import Row, Writing

_host: Any = import_module("keras")


class RecorderCallback(_host.callbacks.Callback):  # type: ignore[misc]
    """Writes down a run of `model.fit`: loss and rate of every batch, and what is validated after each epoch.

    `model.fit(…, callbacks=[RecorderCallback("run.jsonl")])`. Keras shows callbacks the mean over the epoch so far; the
    loss of a batch is taken out of it, which is exact to rounding where batches are of one size, so the last batch of
    an epoch, where it is smaller, weighs as much as the others. Gradients are not shown, so there are no norms. Where a
    `train_step` of your own returns no "loss", a warning says so, and updates count without a row. `path` and `sinks`
    are as in `Recorder`, and a file that is there is refused.
    """

    def __init__(self, path: str | Path, *, sinks: Iterable[Any] = ()) -> None:
        super().__init__()
        self._writing = Writing("RecorderCallback", Path(path), 0, sinks)
        self.done = self._batches = 0
        self._sum = self._since = 0.0
        self._warned = False

    def on_train_begin(self, logs: Any = None) -> None:
        """Count from here."""
        self._since = perf_counter()

    def _head(self) -> Row:
        optimizer = self.model.optimizer
        settings = {name: one for name, one in optimizer.get_config().items() if isinstance(one, (bool, int, float))}
        settings.pop("learning_rate", None)
        steps, epochs = self.params.get("steps"), self.params.get("epochs")
        return {
            "kind": KIND,
            "version": VERSION,
            "strategy": None,
            "planned_steps": steps * epochs if steps and epochs else None,
            "groups": ["0"],
            "optimizer": {"class": type(optimizer).__name__, **settings},
            "every": 1,
        }

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        """The mean begins anew."""
        self._batches, self._sum, self._since = 0, 0.0, perf_counter()

    def on_train_batch_begin(self, batch: int, logs: Any = None) -> None:
        """The rate that the update is made with."""
        self._rate = float(self.model.optimizer.learning_rate)

    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        """Write the row of an update."""
        now = perf_counter()
        told = logs or {}
        if "loss" in told:
            loss = self._loss(float(told["loss"]))
            self._put({"step": self.done, "loss": loss, "lr": self._rate, "seconds": now - self._since})
        elif not self._warned:
            self._warned = True
            warnings.warn(_no_loss(told), stacklevel=2)
        self.done, self._since = self.done + 1, now

    def _loss(self, mean: float) -> float:
        """The loss of a batch, from the mean of the epoch up to it."""
        self._batches += 1
        total = mean * self._batches
        loss, self._sum = total - self._sum, total
        return loss

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        """Write what was validated."""
        found = {name: float(one) for name, one in (logs or {}).items() if name.startswith("val_")}
        row = {name if name == VALIDATED else METRIC + name.removeprefix("val_"): one for name, one in found.items()}
        if row:
            self._put({"step": self.done, **row})

    def on_train_end(self, logs: Any = None) -> None:
        """The run is over."""
        self._writing.close()

    def _put(self, row: Row) -> None:
        self._writing.put([row], self.done, self._head)


def _no_loss(told: Iterable[str]) -> str:
    names = ", ".join(sorted(told)) or "nothing"
    return (
        f"RecorderCallback: train_step told no loss ({names}), so updates have no rows: "
        'return {"loss": …} among what it returns'
    )
