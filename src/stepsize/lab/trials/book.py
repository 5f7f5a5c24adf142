"""The book: what is written down of one run while it goes on, until it is a record."""

from __future__ import annotations

import copy
import math
from typing import Any

import numpy as np

from ..records.record import Record, paused_at

COLUMNS = {
    "losses": "loss",
    "rates": "rate",
    "grad_norms": "grad_norm",
    "clipped": "clipped",
    "extra_losses": "extra_losses",
}
"""The columns of `Record`, and what an update calls them."""


class Book:
    """Columns of one run: a line for each update, and one for each look at the other parts of the data.

    The loss on the data that are trained on is the mean over the updates since the last look; at the start it is that
    of the first update.
    """

    def __init__(self) -> None:
        self.columns: dict[str, list[float]] = {name: [] for name in COLUMNS}
        self.why: dict[int, str] = {}
        self.finite = True
        self.measured_at: list[int] = []
        self.looks: dict[str, list[float]] = {}  # "measured", "validation", "test" and "metric NAME"

    @property
    def made(self) -> int:
        """The updates made."""
        return len(self.columns["losses"])

    def note(self, told: Any) -> None:
        """One update was made."""
        if told.why:
            self.why[self.made] = told.why
        for name, key in COLUMNS.items():
            self.columns[name].append(float(getattr(told, key)))
        if self.made == 1:
            self.looks["measured"][0] = self.columns["losses"][0]

    def looked(self, looked: dict[str, Any]) -> Book:
        """The book with one more look."""
        new = copy.copy(self)
        new.measured_at = [*self.measured_at, self.made]
        since = self.columns["losses"][self.measured_at[-1] if self.measured_at else 0 :]
        numbers = {"measured": sum(since) / len(since) if since else math.nan}
        numbers |= {name: looked[name] for name in ("validation", "test") if looked[name] is not None}
        numbers |= {f"metric {name}": one for name, one in looked["metrics"].items()}
        new.looks = {name: [*self.looks.get(name, []), one] for name, one in numbers.items()}
        return new

    def begun_with(self, loss: float) -> Book:
        """The book of a run that has made no update, whose first loss is known by other means."""
        new = copy.copy(self)
        new.looks = {**self.looks, "measured": [loss]}
        return new

    def record(self, **about: Any) -> Record:
        """The record; `about` is what is known of the whole run.

        A run that stopped being finite has NaN as its last look, after its last update.
        """
        made, looks, at = self.made, self.looks, self.measured_at
        if not self.finite:
            kept = [i for i, one in enumerate(at) if one < made]
            looks = {name: [*(one[i] for i in kept), math.nan] for name, one in looks.items()}
            at = [*(at[i] for i in kept), made]
        columns = {name: np.array(one, dtype=float) for name, one in looks.items()}
        if self.finite and made < about["planned_steps"]:
            columns["measured"] = paused_at(columns["measured"])
        updates: dict[str, Any] = {name: np.array(one, dtype=float) for name, one in self.columns.items()}
        first, last = looks["measured"][0], looks["measured"][-1]
        metrics = {name.removeprefix("metric "): one for name, one in columns.items() if name.startswith("metric ")}
        return Record(
            steps=np.arange(made),
            **updates,
            why=tuple(self.why.get(i, "") for i in range(made)),
            measured_at=tuple(at),
            measured=columns["measured"],
            validated=columns.get("validation"),
            tested=columns.get("test"),
            metrics=metrics or None,
            diverged=not math.isfinite(last) or last > first + 1e-12 * abs(first),
            **about,
        )

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON."""
        return {**vars(self), "why": list(self.why.items())}

    @staticmethod
    def of(told: dict[str, Any]) -> Book:
        """The opposite of `as_dict`."""
        made = Book()
        vars(made).update({**told, "why": {int(at): one for at, one in told["why"]}})
        return made
