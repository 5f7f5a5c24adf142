"""Engines and lots: what a study asks of whatever trains its trials, side by side or one by one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ..runs.run import Run
from .trial import Trial


class Lot(Protocol):
    """Trials that train in step: all made for as many updates, and all as far as one another.

    A trial whose numbers stop being finite is over: it is recorded with its step, leaves the lot, and costs nothing
    from there on.
    """

    @property
    def trials(self) -> Sequence[Trial]:
        """The trials, also those that are over."""
        ...

    @property
    def done(self) -> int:
        """The updates that each trial which is not over has made."""
        ...

    def goes_on(self) -> bool:
        """Whether an update is left, and a trial that is not over."""
        ...

    def update(self) -> None:
        """One update of every trial that is not over; the losses are measured where they are due."""
        ...

    def runs(self) -> list[Run]:
        """What each trial did up to here, in the order of `trials`.

        The last look of one that is not over is taken here, whether it is due or not, and is not in what is `saved`.
        """
        ...

    def saved(self, i: int) -> bytes:
        """Everything that continuing trial `i` needs: the continued trial has the numbers of one that never stopped."""
        ...


class Engine(Protocol):
    """Makes lots of the trials of one problem; `name` is "stacked" or "loop"."""

    @property
    def name(self) -> str:
        """What it is called."""
        ...

    @property
    def at_once(self) -> int:
        """The most trials of one lot."""
        ...

    def begin(self, trials: Sequence[Trial], saved: Sequence[bytes] = ()) -> Lot:
        """A lot of trials of one strategy and as many steps, from the start, or each from what was `saved` of it.

        What was saved must be equally far for all. Saved states that are damaged, or of another trial, are a
        StepsizeError of one line.
        """
        ...
