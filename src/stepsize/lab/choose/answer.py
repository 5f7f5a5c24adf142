"""What a policy says: what to train next, or its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ..trials.trial import Trial
from .said import sentences


@dataclass(frozen=True)
class Part:
    """A trial, and after how many of its updates it is to pause; its steps are the whole of it."""

    trial: Trial
    until: int


@dataclass(frozen=True)
class Asked:
    """What should be trained next: parts that do not wait for one another, and why in a sentence."""

    parts: tuple[Part, ...]
    why: str


@dataclass(frozen=True)
class Verdict:
    """What was chosen: a trial that ran, what its rate promises, and how far that may be trusted.

    `text` is the strategy at the chosen rate, to paste. `loss` is the loss that chooses, at the end of the trial or,
    where `share` of it is less than 1, as expected there; `low` and `high` hold the loss of a new run at that rate in
    about nine cases of ten. `rates` is the basin: the lowest and highest rate whose expected loss is within a tenth of
    the best. `cost` is in runs. `unknown` says in sentences what this budget cannot tell, `trace` what each trial did.
    Where larger is better (`maximise`), `loss` is a score, and `low` and `high` are None. Printed, it is the strategy,
    what to expect of it, and what is unknown.
    """

    trial: Trial
    text: str
    rate: float
    loss: float | None
    low: float | None
    high: float | None
    rates: tuple[float, float]
    share: float
    cost: float
    unknown: tuple[str, ...]
    trace: tuple[str, ...]
    maximise: bool = False

    def __str__(self) -> str:
        return self.told(sentences(self, "score" if self.maximise else "loss"))

    def told(self, expected: Sequence[str]) -> str:
        """The strategy, what is expected of it, and what is unknown, each on a line."""
        return "\n".join([self.text, *expected, *(f"- {line}" for line in self.unknown)])

    def as_dict(self) -> dict[str, Any]:
        """Plain Python for JSON, without the trial."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "trial"}
