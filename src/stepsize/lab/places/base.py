"""What a study says to a place, and hears from it: portions go out, results and events come back."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from ..._errors import StepsizeError, whole
from ..trials.lot import Engine
from ..trials.outcome import Outcome
from ..trials.trial import Trial


@dataclass(frozen=True)
class Portion:
    """Trials that train together as one lot, from the start or from what was `saved`, up to update `until` ≥ 1.

    The trials share what a lot shares: the problem, the strategy and the steps. `saved` is empty, or has one state for
    each trial, all equally far. A trial that is over earlier ends there. After so many `seconds` above 0 the lot comes
    back as far as it is, so that what is kept of a long one grows.

    >>> one = Trial("Adam", "adam() | 0.01", "data-1", 0.1, seed=0, steps=500)
    >>> Portion((one,), until=100).saved
    ()
    """

    trials: tuple[Trial, ...]
    saved: tuple[bytes, ...] = ()
    until: int = 1
    seconds: float = math.inf

    def __post_init__(self) -> None:
        if not self.trials:
            raise StepsizeError("Portion: trials must name at least one trial, not ()")
        if len(self.saved) not in (0, len(self.trials)):
            raise StepsizeError(f"Portion: saved must have {len(self.trials)} states or none, not {len(self.saved)}")
        whole("Portion", "until", self.until, low=1)
        if not self.seconds > 0:
            raise StepsizeError(f"Portion: seconds must be above 0, not {self.seconds!r}")


@dataclass(frozen=True)
class Trained:
    """What came of a portion: the outcome of each trial, and the state it goes on from, None where it is over.

    After an interrupt the trials may have made fewer updates than were asked for.
    """

    outcomes: tuple[Outcome, ...]
    saved: tuple[bytes | None, ...]


@dataclass(frozen=True)
class Failed:
    """Why a portion could not be trained, in one line."""

    reason: str


Result = Trained | Failed


@dataclass(frozen=True)
class Event:
    """Something that a progress bar may show.

    `kind` is "joined" (a worker is ready), "started", "steps" (the lot is at update `done`), "finished", "failed",
    "lost" (the worker died; its portion runs again), "refused" (the worker may not train this problem) or "said" (the
    worker printed a line). `text` is the reason or the line. `portion` is None where it is about the worker alone.
    """

    kind: str
    worker: str
    portion: Portion | None = None
    done: int = 0
    text: str = ""


Listener = Callable[[Event], None]


class Source(Protocol):
    """What a recipe makes: something to train on, which knows its engine. A `Workload` is one."""

    @property
    def fingerprint(self) -> str:
        """Changes with everything that the numbers depend on, besides versions."""
        ...

    @property
    def packages(self) -> Sequence[str]:
        """The packages whose versions decide numbers, besides Python, stepsize and NumPy."""
        ...

    def engine(self) -> Engine:
        """What makes lots of the trials on it."""
        ...


class Place(Protocol):
    """Where portions are trained. Every place gives the same results for the same portions."""

    @property
    def workers(self) -> int:
        """How many portions are trained at the same time, as far as is known."""
        ...

    def run(self, portions: Iterable[Portion], on_progress: Listener | None = None) -> Iterator[tuple[Portion, Result]]:
        """Each portion with what came of it, as they finish.

        A portion is taken from `portions` when a worker is free for it, so that one may be claimed, or chosen by the
        results so far, as late as possible; it is taken in the thread that asks for results. An interrupt (Ctrl-C)
        starts nothing new, gives back what is finished, and then is a KeyboardInterrupt; a second one does not wait.
        Where no worker can train at all, that is a StepsizeError of one line.
        """
        ...

    def close(self) -> None:
        """End the workers; what they are training is lost."""
        ...
