"""What a user says of a log: which columns hold the loss, the update and the rate, and which of its runs is meant."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Wanted:
    """The names of columns, and of a run; None where they are to be found."""

    loss: str | None = None
    step: str | None = None
    lr: str | None = None
    run: str | None = None

    @property
    def columns(self) -> bool:
        """Whether any column is named."""
        return any(one is not None for one in (self.loss, self.step, self.lr))
