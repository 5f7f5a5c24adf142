"""The desk: hands out trials, one to each process that asks, and keeps what they did."""

from __future__ import annotations

import hashlib
import json
import math
import warnings
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..._errors import StepsizeError, shown
from ..._language import say
from ...text import as_descent
from ..choose.answer import Asked, Verdict
from ..choose.policy import Policy
from ..choose.prior import Earlier
from ..choose.seen import Seen
from ..choose.tune import Tune
from ..choose.verdict import sentence
from ..study.claims import Claims
from ..study.journal import Journal
from ..study.plan import Subject
from ..trials.outcome import Outcome
from ..trials.trial import Trial
from .begun import DEATHS, Begun
from .reports import Reports
from .walk import Walk

ENVIRONMENT = ""  # which versions a loop of the user's depends on, nobody knows here


class Handed:
    """A trial that is handed out: what was reported of it, and the step at which it is judged next."""

    def __init__(self, trial: Trial, until: int, reports: Reports, state: bytes | None = None) -> None:
        self.trial, self.until, self.reports, self.state = trial, until, reports, state
        self.look, self.answered = 0, 0  # the steps of the next look whether it is lost, and of the next answer
        self.stopped = False


class Desk:
    """The journal, the policy and the claims of one tuning, in a folder or in memory.

    Processes with a desk on one folder share the work: what another one trains is taken to end badly until it is
    there, so that each gets a trial of its own; and never more than the budget is begun.
    """

    def __init__(self, policy: Policy, subject: Subject, folder: Path | None, *, maximise: bool = False) -> None:
        self.policy, self.maximise, self.pausing = policy, maximise, isinstance(policy, Tune)
        self.journal = Journal(folder)
        self._check(subject)
        self.claims = None if folder is None else Claims(folder)
        self.begun = Begun(folder)
        self.in_hand: dict[str, Handed] = {}
        with self._alone():
            self.journal.know(subject)

    def _check(self, subject: Subject) -> None:
        """Refuse the folder of another problem or of other strategies."""
        there = self.journal.subjects
        if there and subject.fingerprint not in there:
            other = next(iter(there.values())).data
            raise StepsizeError(
                say(
                    "{folder} holds runs of {other}, not of {data}: choose another folder",
                    folder=self.journal.folder,
                    other=other,
                    data=subject.data,
                )
            )
        found = list(self.journal.outcomes.values())
        if found and not self.policy.seen(found):
            one = found[0].trial
            raise StepsizeError(
                say(
                    "{folder} holds runs of {other} over {there} steps, not of {text} over {steps}: choose another "
                    "folder",
                    folder=self.journal.folder,
                    other=one.text,
                    there=one.steps,
                    text=self.policy.strategies[0],
                    steps=self.policy.steps,
                )
            )

    def outcomes(self) -> list[Outcome]:
        """What all trials did so far."""
        return list(self.journal.outcomes.values())

    def next(self) -> Handed | Verdict | None:
        """A trial to train; the verdict; or None where others train what is left, so that asking again is due."""
        with self._alone():
            self.journal.refresh()
            pending = self._pending()
            answer = self.policy.ask([*(self._as_if(one) for one in pending.values()), *self.outcomes()])
            if isinstance(answer, Verdict):
                return None if pending else self.policy_verdict()
            part = next((one for one in answer.parts if one.trial.key not in pending), None)
            if part is None:
                return None
            if self.begun.deaths(part.trial) >= DEATHS:
                self._give_up(part.trial)
            elif not self._claim(part.trial.key):
                return None
            else:
                self.begun.begin(part.trial)
                handed = self.in_hand[part.trial.key] = self._handed(part.trial, part.until)
                return handed
        return self.next()

    def goes_on(self, handed: Handed) -> bool:
        """Whether a trial goes on after its last report; what it did is kept where that was judged."""
        reports = handed.reports
        if handed.stopped:
            return False
        if not reports.finite:
            self._end(handed, said="its loss was not finite")
            return False
        if reports.made < handed.look or reports.made == self.policy.steps:  # of the end `finish` speaks
            return True
        outcome = reports.outcome()
        lost = any(one.lost for one in self.policy.seen([outcome]))
        following = next((mark for mark in self.policy.marks if mark > reports.made), self.policy.steps)
        handed.look = min(following, max(handed.until, reports.made + 1))
        if reports.made < handed.until and not lost:
            return True
        with self._alone():
            self.journal.refresh()
            self.journal.add(outcome)
            until = self._until(outcome)
        if until is not None and until > reports.made:
            handed.until = until
            handed.look = min(following, until)
            return True
        handed.stopped = True
        if not self.pausing:
            self._end(handed)
        return False

    def pause(self, handed: Handed, state: bytes) -> None:
        """It was stopped, and this is what going on needs."""
        told = json.dumps(handed.reports.slots).encode()
        with self._alone():
            self.journal.keep(handed.trial.key, ENVIRONMENT, handed.reports.made, told + b"\n" + state)
        self._end(handed)

    def finish(self, handed: Handed, loss: Any = None) -> None:
        """It came to its end, with this loss or the one reported there; after it was stopped this says nothing new."""
        if not handed.stopped:
            if loss is not None:
                handed.reports.finish(loss)
            self._end(handed)

    def broke(self, handed: Handed, why: str) -> None:
        """It died: as one whose loss was not finite."""
        handed.reports = self._broken(handed.trial, handed.reports)
        self._end(handed, said=why)

    def leave(self, handed: Handed, *, orderly: bool) -> None:
        """Its training has ended before its end, by its user's will or of an error: it will be begun anew."""
        if orderly:
            self.begun.end(handed.trial)
        self._release(handed)

    def policy_verdict(self) -> Verdict:
        """The verdict on what there is; an error where nothing was reported yet."""
        runs = self.policy.seen(self.outcomes())
        if not runs:
            raise StepsizeError(say("there is no verdict yet: no trial was reported and judged"))
        found = self.policy.verdict(runs)
        return _as_scores(found, runs) if self.maximise else found

    def close(self) -> None:
        """Give back what was claimed."""
        if self.claims is not None:
            self.claims.close()
            self.claims = None

    def _alone(self) -> AbstractContextManager[Any]:
        return nullcontext() if self.claims is None else self.claims.alone()

    def _claim(self, key: str) -> bool:
        return self.claims is None or self.claims.take([key], list) == [key]

    def _pending(self) -> dict[str, Trial]:
        """What is trained now, here and elsewhere."""
        found = {key: one.trial for key, one in self.in_hand.items()}
        elsewhere = self.claims.elsewhere() if self.claims is not None else set()
        if elsewhere:
            found |= {key: one for key, one in self.begun.trials().items() if key in elsewhere}
        return found

    def _as_if(self, trial: Trial) -> Outcome:
        """A trial that is trained now, as if it ended worse than all that were finished."""
        ends = [one.record.measured[-1] for one in self.outcomes() if one.over and one.record.measured is not None]
        worst = max((float(one) for one in ends if one == one), default=1.0)
        worse = worst + abs(worst) / 2
        made_up = Reports(trial, slots=[[0, worse, 1], [trial.steps, worse, 1]])
        return made_up.outcome()

    def _until(self, outcome: Outcome) -> int | None:
        """Until when the policy lets this trial go on; None where it stops."""
        trial, training = outcome.trial, self._pending()
        there = [one for one in self.outcomes() if one.trial.key not in training or one.trial.key == trial.key]
        found = [outcome, *(one for one in there if one.trial.key != trial.key)]
        answer = self.policy.on(trial, found) if isinstance(self.policy, Walk) else self.policy.ask(found)
        parts = answer.parts if isinstance(answer, Asked) else ()
        return next((one.until for one in parts if one.trial.key == trial.key), None)

    def _handed(self, trial: Trial, until: int) -> Handed:
        kept = self.journal.kept(trial.key, ENVIRONMENT) if self.pausing else None
        if kept is None:
            return Handed(trial, until, Reports(trial, maximise=self.maximise))
        told, _, state = kept[1].partition(b"\n")
        return Handed(trial, until, Reports(trial, maximise=self.maximise, slots=json.loads(told)), state)

    def _give_up(self, trial: Trial) -> None:
        warnings.warn(
            say(
                "{strategy}, seed {seed}, was begun {count} times and died each time: it counts as diverged",
                strategy=trial.strategy,
                seed=trial.seed,
                count=DEATHS,
            ),
            stacklevel=5,
        )
        self.begun.end(trial)
        self.journal.add(self._broken(trial, Reports(trial)).outcome("it died"))

    def _broken(self, trial: Trial, reports: Reports) -> Reports:
        """The reports of a trial that died, as far as it ever came: a journal keeps the farthest."""
        before = self.journal.outcomes.get((trial.key, ENVIRONMENT))
        if before is not None and before.made > reports.made:
            columns = zip(before.measured_at, before.train, strict=True)
            reports = Reports(trial, slots=[[at, math.nan if loss is None else loss, 1] for at, loss in columns])
        reports.break_off()
        return reports

    def _end(self, handed: Handed, said: str = "") -> None:
        with self._alone():
            self.journal.add(handed.reports.outcome(said))
            self.begun.end(handed.trial)
            if handed.reports.outcome().over:
                self.journal.drop(handed.trial.key, ENVIRONMENT)
        handed.stopped = True
        self._release(handed)

    def _release(self, handed: Handed) -> None:
        if self.in_hand.pop(handed.trial.key, None) is not None and self.claims is not None:
            self.claims.give_back([handed.trial.key])


def _as_scores(found: Verdict, runs: Sequence[Seen]) -> Verdict:
    """The verdict where larger is better: every loss was a score, negated."""
    loss = None if found.loss is None else -found.loss
    scores = (replace(one, losses=tuple(None if x is None else -x for x in one.losses)) for one in runs)
    return replace(
        found, maximise=True, loss=loss, low=None, high=None, trace=tuple(sentence(one, [one]) for one in scores)
    )


def policy_for(
    texts: Sequence[str],
    problem: str,
    *,
    steps: int,
    budget: float,
    seeds: int,
    pausing: bool,
    trials: int | None = None,
    earlier: Sequence[Earlier] = (),
) -> Policy:
    """The policy of a tuning: `Tune` where trials can be paused, else `Walk`."""
    for text in texts:
        one = as_descent(text)
        one.over(steps)  # an error says which length does not fit
        if not one.rate.base > 0:
            raise StepsizeError(say("{text} has base rate 0, which trains nothing: give it one above 0", text=text))
    kind = Tune if pausing else Walk
    found = kind(tuple(texts), problem, steps, float(budget), tuple(range(seeds)), trials=trials)
    return replace(found, earlier=tuple(earlier))


def subject_of(name: str, maximise: bool) -> Subject:
    """What the journal says of a problem of which only its name is known."""
    if not isinstance(name, str) or not name.strip():
        raise StepsizeError(f"Tuner: name must be a text that tells problems apart, not {shown(name)}")
    mark = hashlib.sha256(f"own {name} {maximise}".encode()).hexdigest()[:16]
    return Subject(fingerprint=mark, data=name, model="a loop of the user's", validated=True)
