"""A tracker of Accelerate that records a run."""

from __future__ import annotations

from importlib import import_module
from numbers import Real
from pathlib import Path
from typing import Any

from torch import Tensor

from ..torch.recorder import Recorder

_host: Any = import_module("accelerate.tracking")
_LOSSES = ("loss", "train_loss", "train/loss")
_VALIDATED = ("val_loss", "eval_loss", "val/loss")


class RecorderTracker(_host.GeneralTracker):  # type: ignore[misc]
    """Takes what `accelerator.log` is given, and writes every update of an optimizer down.

    `tracker = RecorderTracker("run.jsonl")` goes into `Accelerator(log_with=[tracker])`, and after `prepare` and
    `init_trackers`, `tracker.follow(optimizer, model)` begins. `accelerator.log({"loss": loss})` after each
    `optimizer.step()` is the loss of the update, `val_loss` a validation loss, and any other number a metric. The
    tracker runs on the main process; what is sharded over processes needs a `Recorder` on every one instead. `path`
    and `options` are those of `Recorder`.
    """

    name = "stepsize"
    requires_logging_directory = False
    main_process_only = True

    def __init__(self, path: str | Path, **options: Any) -> None:
        super().__init__()
        self._path, self._options = path, options
        self.recorder: Recorder | None = None

    def follow(self, optimizer: Any, model: Any = None, **options: Any) -> None:
        """Record this optimizer from now on."""
        self.recorder = Recorder(optimizer, self._path, model, **{**self._options, **options})

    @property
    def tracker(self) -> Recorder | None:
        """The Recorder, as Accelerate hands trackers out."""
        return self.recorder

    def store_init_configuration(self, values: dict[str, Any]) -> None:
        """The settings of the optimizer are in the head; a script's own are its own affair."""

    def log(self, values: dict[str, Any], step: int | None = None, **kwargs: Any) -> None:
        """Take a loss, a validation loss and metrics."""
        if self.recorder is None:
            return
        left = dict(values)
        loss, validated = _first_of(left, _LOSSES), _first_of(left, _VALIDATED)
        if loss is not None:
            self.recorder.step(loss)
        numbers = {name: one for name, one in left.items() if _is_number(one)}
        if validated is not None or numbers:
            self.recorder.validation(validated, **numbers)

    def finish(self) -> None:
        """The run is over, as `accelerator.end_training()` says."""
        if self.recorder is not None:
            self.recorder.close()
        self.recorder = None


def _is_number(one: Any) -> bool:
    """Whether it is a number of Python or NumPy, or a tensor of one element."""
    return isinstance(one, Real) or (isinstance(one, Tensor) and one.numel() == 1)


def _first_of(values: dict[str, Any], names: tuple[str, ...]) -> Any:
    found = [values.pop(name) for name in names if name in values]
    return found[0] if found else None
