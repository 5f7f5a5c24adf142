"""Dispatch: which worker trains which portion, and what happens when one dies."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from queue import Empty
from time import monotonic

from ..._errors import StepsizeError
from ..._language import say
from .base import Event, Failed, Listener, Portion, Result
from .crew import Came, Closed, Crew, Interrupted, Lost, Message, Ready, Refused, Said, Starting, Steps
from .interrupts import Interrupts

DEATHS = 3  # of workers, after which a portion is given up
STARTS = 8  # workers that die one after another before any is ready, after which no more are started
GRACE = 3.0  # seconds for workers to give back what they have after an interrupt
GLANCE = 0.5  # seconds between looks at the clock


@dataclass
class Job:
    """A portion on its way, and how many workers it has cost."""

    number: int
    portion: Portion
    deaths: int = 0


class Dispatch:
    """Hands portions to a crew, until all have come back.

    A worker that dies costs the portion that it trained, which another one trains from its beginning. A portion that
    three workers died of is given back as failed.
    """

    def __init__(self, crew: Crew) -> None:
        self.crew = crew
        self.idle: list[str] = []
        self.starting = 0  # workers that are neither ready nor lost yet
        self.training: dict[str, Job] = {}
        self.died_in_start = 0
        self.no_more = ""  # why starting another worker would be in vain
        self.without = monotonic()  # since when there is no worker
        self.number = 0

    def run(self, portions: Iterable[Portion], on_progress: Listener | None = None) -> Iterator[tuple[Portion, Result]]:
        """As `Place.run`."""
        self.tell = on_progress or (lambda event: None)
        self.source: Iterator[Portion] | None = iter(portions)
        self.waiting: deque[Job] = deque()
        self.no_more, self.died_in_start = "", 0
        whole = False
        try:
            with Interrupts(lambda: self.crew.inbox.put(Interrupted(""))) as interrupts:
                self.crew.begin()
                while self._hand_out():
                    message = self._next()
                    if isinstance(message, Interrupted):
                        yield from self._last()
                        raise KeyboardInterrupt
                    if message is not None:
                        yield from self._taken(message)
                interrupts.check()
            whole = True
        finally:
            if not whole:
                self.close()

    def close(self) -> None:
        """End all workers and forget them."""
        self.crew.end()
        self.idle, self.training, self.starting = [], {}, 0

    def _hand_out(self) -> bool:
        """Give every idle worker a portion, and start workers for those that wait; whether anything is left to do."""
        while self.idle and (job := self._pulled()):
            worker = self.idle.pop()
            self.training[worker] = job
            self.tell(Event("started", worker, job.portion))
            self.crew.send(worker, job.number, job.portion)
        while not self.no_more and self.crew.room() and (len(self.waiting) > self.starting or self._ahead()):
            self.crew.grow()
            self.starting += 1
        return bool(self.training or self.waiting or self._ahead())

    def _pulled(self) -> Job | None:
        """The next job: one that a worker died of, else a new one."""
        return self.waiting.popleft() if self.waiting or self._ahead() else None

    def _ahead(self) -> bool:
        """Take one more portion from the source, for a worker that is to be started; False where there is none."""
        portion = next(self.source, None) if self.source is not None else None
        if portion is None:
            self.source = None
            return False
        self.number += 1
        self.waiting.append(Job(self.number, portion))
        return True

    def _next(self) -> Message | None:
        """The next message; None where nothing happened for a moment."""
        try:
            return self.crew.inbox.get(timeout=GLANCE)
        except KeyboardInterrupt:
            return Interrupted("")
        except Empty:
            self._check_there()
            return None

    def _check_there(self) -> None:
        """Give up where no worker is there, and none comes."""
        if self.idle or self.training or self.starting:
            self.without = monotonic()
        elif monotonic() - self.without > self.crew.patience:
            raise StepsizeError(
                self.no_more
                or say("no worker of the cluster is left: start one and run it again; finished work is kept")
            )

    def _taken(self, message: Message) -> Iterator[tuple[Portion, Result]]:
        """Take a message in; the portions that are done by it."""
        worker = message.worker
        match message:
            case Starting():
                self.starting += 1
            case Closed(reason=reason):
                raise StepsizeError(reason)
            case Ready():
                self.starting = max(0, self.starting - 1)
                self.died_in_start = 0
                self.idle.append(worker)
                self.tell(Event("joined", worker))
            case Refused(reason=reason):
                self._refused(worker, reason)
            case Steps(done=done) if worker in self.training:
                self.tell(Event("steps", worker, self.training[worker].portion, done))
            case Said(text=text):
                self.tell(Event("said", worker, text=text))
            case Came(number=number, result=result) if worker in self.training:
                if self.training[worker].number == number:
                    yield self._came(worker, result)
            case Lost(reason=reason, started=started):
                yield from self._lost(worker, reason, started)

    def _came(self, worker: str, result: Result) -> tuple[Portion, Result]:
        job = self.training.pop(worker)
        self.idle.append(worker)
        if isinstance(result, Failed):
            self.tell(Event("failed", worker, job.portion, text=result.reason))
        else:
            self.tell(Event("finished", worker, job.portion, result.outcomes[0].made))
        return job.portion, result

    def _refused(self, worker: str, reason: str) -> None:
        self.starting = max(0, self.starting - 1)
        self.tell(Event("refused", worker, text=reason))
        self._start_no_more(reason)

    def _start_no_more(self, reason: str) -> None:
        """Go on with the workers that are there; an error where there are none."""
        self.no_more = reason
        if not (self.idle or self.training or self.starting):
            raise StepsizeError(reason)

    def _lost(self, worker: str, reason: str, started: bool) -> Iterator[tuple[Portion, Result]]:
        """A worker died: its portion waits for another one, or is given up."""
        job = self.training.pop(worker, None)
        self.tell(Event("lost", worker, job.portion if job else None, text=reason))
        if worker in self.idle:
            self.idle.remove(worker)
        if not started:
            self.starting = max(0, self.starting - 1)
            self.died_in_start += 1
            if self.died_in_start >= STARTS:
                self._start_no_more(
                    say(
                        "{count} workers died before they could begin, the last: {reason}",
                        count=self.died_in_start,
                        reason=reason,
                    )
                )
        if job is None:
            return
        job.deaths += 1
        if job.deaths < DEATHS:
            self.waiting.append(job)
            return
        failed = Failed(say("{count} workers died of it, the last: {reason}", count=DEATHS, reason=reason))
        self.tell(Event("failed", worker, job.portion, text=failed.reason))
        yield job.portion, failed

    def _last(self) -> Iterator[tuple[Portion, Result]]:
        """After an interrupt: what the workers still give back within a moment."""
        self.source, self.waiting = None, deque()
        self.crew.stop()
        until = monotonic() + GRACE
        while self.training and (left := until - monotonic()) > 0:
            try:
                message = self.crew.inbox.get(timeout=left)
            except Empty:
                return
            yield from self._taken(message)
