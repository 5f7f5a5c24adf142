"""A crew: workers that portions are given to, and the messages that they send back."""

from __future__ import annotations

from dataclasses import dataclass
from queue import SimpleQueue
from typing import Protocol

from .base import Portion, Result


@dataclass(frozen=True)
class Message:
    """Something that a worker, or its keeper, says; see the kinds below."""

    worker: str


@dataclass(frozen=True)
class Starting(Message):
    """A worker that somebody else started makes the problem; it will be ready, refused or lost."""


@dataclass(frozen=True)
class Ready(Message):
    """The worker has made the problem and takes portions."""


@dataclass(frozen=True)
class Refused(Message):
    """The worker cannot train this problem, and is gone."""

    reason: str


@dataclass(frozen=True)
class Steps(Message):
    """The worker's lot is at update `done`."""

    done: int


@dataclass(frozen=True)
class Came(Message):
    """What came of job `number`."""

    number: int
    result: Result


@dataclass(frozen=True)
class Lost(Message):
    """The worker died, with whatever it was training; `started` tells whether it had been ready."""

    reason: str
    started: bool


@dataclass(frozen=True)
class Said(Message):
    """The worker printed a line."""

    text: str


@dataclass(frozen=True)
class Closed(Message):
    """Whatever keeps the workers is gone, and they with it."""

    reason: str


@dataclass(frozen=True)
class Interrupted(Message):
    """The user wants no more."""


class Crew(Protocol):
    """The workers of a place that has several."""

    patience: float  # seconds to wait for a worker where there is none

    @property
    def inbox(self) -> SimpleQueue[Message]:
        """What the workers say; another one after `end`."""
        ...

    def begin(self) -> None:
        """Be in touch with workers that others start; a StepsizeError where there is nobody to be in touch with."""
        ...

    def room(self) -> bool:
        """Whether one more worker may be started."""
        ...

    def grow(self) -> None:
        """Start one more worker."""
        ...

    def send(self, worker: str, number: int, portion: Portion) -> None:
        """Give a ready worker a portion; a `Came` or a `Lost` follows."""
        ...

    def stop(self) -> None:
        """Ask the workers to stop at their next update and to give back what they have."""
        ...

    def end(self) -> None:
        """End all workers at once."""
        ...
