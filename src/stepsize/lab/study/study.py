"""A study: trials of one workload that are trained where they are missing, in a folder that grows."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from ..._errors import StepsizeError
from ..._language import say
from ..environment import in_words, versions
from ..places.base import Failed, Listener, Place, Portion, Result
from ..trials.outcome import Outcome
from ..trials.trial import Trial
from ..workload import Workload
from .claims import Claims
from .journal import Journal
from .plan import Plan
from .wanted import Wanted

LOOK_AGAIN_SECONDS = 0.5  # at what others train
KEEP_EVERY_SECONDS = 60.0  # how much of a long trial a kill may cost


@dataclass(frozen=True)
class Progress:
    """How far a study is: trials that are where they were wanted, of how many, what runs here and elsewhere.

    `best` is the finished one with the lowest loss on the part that chooses.
    """

    done: int
    total: int
    running: int
    elsewhere: int
    best: Outcome | None


class Study:
    """Trials of one workload, in a folder or in memory: what is there is never trained again.

    Several processes may share a folder; each trains what nobody else trains. Trials that were trained with other
    versions stay in the folder and do not count.
    """

    def __init__(self, workload: Workload, folder: Path | None = None) -> None:
        self.workload, self.environment = workload, in_words(versions(workload.packages))
        self.journal = Journal(folder)
        self._claims: Claims | None = None
        self._running: set[str] = set()

    def __enter__(self) -> Study:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Give back what was claimed; nothing is left to be written."""
        if self._claims is not None:
            self._claims.close()
            self._claims = None

    def ask(self, plan: Plan) -> Plan:
        """Write down a plan; the answer is that plan with what earlier ones of its kind asked for."""
        with self._alone():
            self.journal.refresh()
            self.journal.ask(plan)
        return plan.grown_from(self.journal.plans)

    def outcome(self, trial: Trial) -> Outcome | None:
        """What a trial did so far with these versions, None where it was not begun."""
        return self.journal.outcomes.get((trial.key, self.environment))

    def outcomes(self, trials: Iterable[Trial]) -> list[Outcome]:
        """What these trials did so far, those that were begun."""
        return [one for one in map(self.outcome, trials) if one is not None]

    def frame(self, looks: bool = False, library: str = "polars") -> Any:
        """Every trial with these versions as a row, or every look at its losses; see `lab.study.frame.frame`."""
        from .frame import frame

        own = [one for (_, environment), one in self.journal.outcomes.items() if environment == self.environment]
        return frame(own, looks=looks, library=library)

    def strangers(self) -> dict[str, int]:
        """How many trials of this problem were made with other versions, by their environment."""
        found: dict[str, int] = {}
        for (_, environment), one in self.journal.outcomes.items():
            if environment != self.environment and one.trial.problem == self.workload.fingerprint:
                found[environment] = found.get(environment, 0) + 1
        return found

    def others(self) -> int:
        """How many trials of other problems the folder holds."""
        return sum(one.trial.problem != self.workload.fingerprint for one in self.journal.outcomes.values())

    def train(
        self,
        trials: Iterable[Trial],
        place: Place,
        *,
        until: int | Sequence[int] | None = None,
        on_progress: Callable[[Progress], None] = lambda _: None,
        on_event: Listener | None = None,
    ) -> list[Outcome]:
        """Train what is missing of these trials, each to its end or until so many updates; what they did, in order.

        `until` is one number of updates, or one for each trial. A trial that is stopped there is kept, and goes on
        when it is asked for again. An error or an interrupt keeps everything that is finished, and of long trials all
        but the last minute.
        """
        wanted = Wanted(trials, until, self.journal, self.environment)
        self._begin(wanted)
        failures: list[str] = []
        try:
            while wanted.missing and not failures:
                with _closed(place.run(self._portions(wanted, place), on_event)) as done:
                    for portion, result in done:
                        self._keep(wanted, portion, result)
                        failures += [result.reason] if isinstance(result, Failed) else []
                        on_progress(self._progress(wanted))
                if wanted.missing:
                    self._look_again(wanted)
                    on_progress(self._progress(wanted))
        finally:
            self._give_back(list(self._running))
        if failures:
            first, count = failures[0], len(failures)
            raise StepsizeError(say("{failure} ({count} times)", failure=first, count=count) if count > 1 else first)
        return self.outcomes(wanted.trials.values())

    def _begin(self, wanted: Wanted) -> None:
        foreign = [one for one in wanted.trials.values() if one.problem != self.workload.fingerprint]
        if foreign:
            raise StepsizeError(
                say(
                    "a study of {problem} cannot train {trial}, of another problem",
                    problem=self.workload.fingerprint,
                    trial=foreign[0],
                )
            )
        with self._alone():
            self.journal.refresh()
            self.journal.know(self.workload.subject)
            self.journal.tidy()
        wanted.follow()

    def _alone(self) -> AbstractContextManager[Any]:
        if self.journal.folder is None:
            return nullcontext()
        if self._claims is None:
            self._claims = Claims(self.journal.folder)
        return self._claims.alone()

    def _portions(self, wanted: Wanted, place: Place) -> Iterator[Portion]:
        """Lots that nobody trains yet, those that were begun first; asked for when a worker is free."""
        most = self.workload.at_once
        if place.workers > 1:
            most = max(1, min(most, -(-len(wanted.missing) // place.workers)))
        wanted.line_up(most)
        while (lot := wanted.next_lot()) is not None:
            if taken := self._take(lot, wanted):
                yield self._portion([wanted.trials[key] for key in taken], wanted.ends[taken[0]])

    def _portion(self, trials: Sequence[Trial], until: int) -> Portion:
        kept = [self.journal.kept(one.key, self.environment) for one in trials]
        whole = len({None if one is None else one[0] for one in kept}) == 1
        saved = tuple(one[1] for one in kept if one is not None) if whole else ()
        return Portion(tuple(trials), saved, until, KEEP_EVERY_SECONDS)

    def _take(self, lot: Sequence[str], wanted: Wanted) -> list[str]:
        """Claim those of the lot that are missing still, and that nobody else trains."""
        if self.journal.folder is None:
            taken = list(lot)
        else:
            with self._alone():
                assert self._claims is not None
                taken = self._claims.take(lot, lambda keys: self._still_missing(keys, wanted))
        self._running |= set(taken)
        return taken

    def _still_missing(self, keys: Collection[str], wanted: Wanted) -> list[str]:
        self.journal.refresh()
        wanted.follow()
        return [key for key in keys if key in wanted.missing]

    def _keep(self, wanted: Wanted, portion: Portion, result: Result) -> None:
        """Write down what a portion did, its states first, so that a line never promises a state that is not there."""
        keys = [one.key for one in portion.trials]
        if not isinstance(result, Failed):
            self._check_versions(result.outcomes)
            with self._alone():
                for one, state in zip(result.outcomes, result.saved, strict=True):
                    if state is not None:
                        self.journal.keep(one.trial.key, one.environment, one.made, state)
                self.journal.add(*result.outcomes)
                for one in result.outcomes:
                    if one.over:
                        self.journal.drop(one.trial.key, one.environment)
            wanted.follow()
            wanted.again(keys)
        self._give_back(keys)

    def _check_versions(self, outcomes: Iterable[Outcome]) -> None:
        other = next((one.environment for one in outcomes if one.environment != self.environment), None)
        if other is not None:
            raise StepsizeError(
                say(
                    "a worker has {other}, and this process {ours}: give both the same",
                    other=other,
                    ours=self.environment,
                )
            )

    def _give_back(self, keys: Sequence[str]) -> None:
        self._running -= set(keys)
        if self._claims is not None and keys:
            self._claims.give_back(keys)

    def _look_again(self, wanted: Wanted) -> None:
        """Wait a moment where what is missing is trained by others."""
        if self._claims is None:
            return
        if not wanted.missing.keys().isdisjoint(self._claims.elsewhere()):
            time.sleep(LOOK_AGAIN_SECONDS)
        self.journal.refresh()
        wanted.follow()

    def _progress(self, wanted: Wanted) -> Progress:
        elsewhere = set() if self._claims is None else self._claims.elsewhere() & wanted.missing.keys()
        return Progress(
            done=len(wanted.trials) - len(wanted.missing),
            total=len(wanted.trials),
            running=len(self._running),
            elsewhere=len(elsewhere),
            best=wanted.best,
        )


@contextmanager
def _closed(results: Iterator[tuple[Portion, Result]]) -> Iterator[Iterator[tuple[Portion, Result]]]:
    """The same results, whose run is ended at once where an error leaves it in the middle."""
    try:
        yield results
    finally:
        if isinstance(results, Generator):
            results.close()
