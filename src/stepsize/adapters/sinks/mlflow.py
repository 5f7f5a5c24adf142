"""A run in a store of MLflow, written by its own package."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from .base import needed, numbers, sentences

_MOST = 500  # metrics of one call; MLflow takes a thousand
_PATIENCE = 2.0  # seconds that a number waits for others
_LONGEST = 500  # characters of a parameter


class MLflow:
    """Writes every number of a record as a metric of MLflow, the head as parameters, and what was decided as tags.

    `store` is a tracking URI: "sqlite:///mlflow.db" is a file here, "http://…" a server; with None it is the one that
    your script has set. `run_id` names a run that is there, which stays open; without one a run is made in
    `experiment` and ended by `close`. Numbers go in batches, at most two seconds late. Signs that MLflow allows in no
    name become "_". It needs the package mlflow, or mlflow-skinny with sqlalchemy.
    """

    def __init__(
        self, store: str | None = "sqlite:///mlflow.db", *, experiment: str = "stepsize", run_id: str | None = None
    ) -> None:
        self.store, self.experiment, self.run_id = store, experiment, run_id
        self._mlflow = needed("MLflow", "mlflow", "mlflow")
        self._entities = needed("MLflow", "mlflow.entities", "mlflow")
        self._client: Any = None
        self._own = run_id is None
        self._waiting: list[Any] = []
        self._sent = time.monotonic()

    def begin(self, head: Mapping[str, Any]) -> None:
        """Make the run where none was named; the head is its parameters."""
        self._client = self._mlflow.MlflowClient(tracking_uri=self.store)
        if self.run_id is None:
            found = self._client.get_experiment_by_name(self.experiment)
            where = found.experiment_id if found else self._client.create_experiment(self.experiment)
            self.run_id = self._client.create_run(where).info.run_id
        about = dict(head) | {f"optimizer.{name}": one for name, one in head.get("optimizer", {}).items()}
        about.pop("optimizer", None)
        made = [
            self._entities.Param(_name(name), str(one)[:_LONGEST]) for name, one in about.items() if one is not None
        ]
        self._client.log_batch(self.run_id, params=made[:100])

    def row(self, row: Mapping[str, Any]) -> None:
        """Keep the numbers of the row, and send what has waited long enough."""
        now, step, told = int(time.time() * 1000), int(row["step"]), sentences(row)
        self._waiting += [self._entities.Metric(_name(name), one, now, step) for name, one in numbers(row).items()]
        if told:
            self._client.set_tag(self.run_id, f"decisions.{step}", told)
        if len(self._waiting) >= _MOST or time.monotonic() - self._sent > _PATIENCE:
            self._send()

    def _send(self) -> None:
        while self._waiting:
            batch, self._waiting = self._waiting[:_MOST], self._waiting[_MOST:]
            self._client.log_batch(self.run_id, metrics=batch)
        self._sent = time.monotonic()

    def close(self) -> None:
        """Send the rest, and end the run that was made here."""
        if self._client is None:
            return
        self._send()
        if self._own:
            self._client.set_terminated(self.run_id)
        self._client = None

    def __repr__(self) -> str:
        return f"MLflow({self.store!r})"


def _name(name: str) -> str:
    return re.sub(r"[^\w\-. /:]", "_", name)
