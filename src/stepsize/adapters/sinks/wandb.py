"""A run of Weights & Biases, written by its own package."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..._errors import StepsizeError
from .base import needed, numbers, sentences


class WandB:
    """Writes every number of a record into a run of Weights & Biases, and what was decided as text.

    `run` is a run that your script has opened with `wandb.init()`, which stays open; without one a run is opened in
    `folder`, offline (no network; `wandb sync` sends it later) unless `mode` is another of wandb's, and ended by
    `close`. `more` goes to `wandb.init`: `project`, `name`, `tags`. The head of the record is the run's config, under
    "stepsize". The record's `step` is the axis of every column. It needs the package wandb.
    """

    def __init__(self, run: Any = None, *, folder: Any = None, mode: str = "offline", **more: Any) -> None:
        if run is not None and not hasattr(run, "log"):
            raise StepsizeError(f"WandB: run must be what wandb.init() returns, not {run!r}: WandB() opens one offline")
        self._wandb = None if run is not None else needed("WandB", "wandb", "wandb")
        self._run, self._own = run, run is None
        self._options = {"mode": mode, **({} if folder is None else {"dir": str(folder)}), **more}

    def begin(self, head: Mapping[str, Any]) -> None:
        """Open the run where none was given; the head is a part of its config."""
        if self._run is None and self._wandb is not None:
            self._run = self._wandb.init(**self._options)
        self._run.config.update({"stepsize": dict(head)}, allow_val_change=True)
        self._run.define_metric("*", step_metric="step")

    def row(self, row: Mapping[str, Any]) -> None:
        """One row of the run's history."""
        told = sentences(row)
        self._run.log({"step": row["step"], **numbers(row), **({"decisions": told} if told else {})})

    def close(self) -> None:
        """End the run that was opened here."""
        if self._own and self._run is not None:
            self._run.finish()
        self._run = None if self._own else self._run

    def __repr__(self) -> str:
        return "WandB()" if self._own else f"WandB({getattr(self._run, 'id', 'run')})"
