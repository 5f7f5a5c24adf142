"""What the schedulers of an optimizer decided and were told, since somebody asked last."""

from __future__ import annotations

import weakref
from typing import Any

from torch.optim import Optimizer

from ....course.recorded import METRIC
from ....course.said import Said
from ..scheduler import Scheduler
from ..updates import followers_of
from .settings import names_of

TOLD = METRIC + "metric"  # the number that a scheduler's controllers look at


class Decided:
    """The decisions and metrics of every scheduler that an optimizer has, each given out once."""

    def __init__(self, optimizer: Optimizer) -> None:
        self._optimizer = optimizer
        self._read: weakref.WeakKeyDictionary[Scheduler, tuple[int, int]] = weakref.WeakKeyDictionary()
        for one in self.schedulers():  # what they decided before belongs to the time before
            self._read[one] = one._heard.decided, one._heard.measured

    def schedulers(self) -> list[Scheduler]:
        """Those that write into the groups of the optimizer now."""
        return [one for one in followers_of(self._optimizer) if isinstance(one, Scheduler)]

    def scheduled(self) -> list[str]:
        """The hyper-parameters that they write."""
        return sorted({row.field for one in self.schedulers() for row in one._rows} - {"lr"})

    def about(self) -> tuple[str | None, int | None]:
        """What they follow, as text, and the updates planned where one of them knows."""
        schedulers = self.schedulers()
        totals = [one.units["total_steps"] for one in schedulers if one.units["total_steps"] is not None]
        return "; ".join(one.expression for one in schedulers) or None, max(totals, default=None)

    def new(self) -> tuple[list[dict[str, Any]], list[float]]:
        """The decisions and the metrics that nobody has asked for yet."""
        decisions: list[dict[str, Any]] = []
        metrics: list[float] = []
        for one in self.schedulers():
            heard, (decided, measured) = one._heard, self._read.get(one, (0, 0))
            if heard.decided != decided or heard.measured != measured:
                decisions += [_decision(said, names_of(self._optimizer)) for said in heard.decisions_since(decided)]
                metrics += [value for _, value in heard.metrics_since(measured)]
                self._read[one] = heard.decided, heard.measured
        return decisions, metrics


def decision(kind: str, why: str, factor: float | None = None, group: str = "") -> dict[str, Any]:
    """A decision as a row holds it."""
    return {"kind": kind, "group": group, "factor": factor, "why": why}


def _decision(said: Said, names: list[str]) -> dict[str, Any]:
    group = said.group if isinstance(said.group, str) or said.group is None else names[said.group]
    why = said.why if said.field == "lr" else f"{said.field}: {said.why}"
    return decision(said.kind, why, said.factor, group or "")
