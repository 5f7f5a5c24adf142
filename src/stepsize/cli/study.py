"""`stepsize study`: what a folder of runs holds, and two folders made one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from .._errors import StepsizeError
from .._language import commas, say
from ..lab.environment import from_words
from ..lab.study.journal import Journal, read_journal
from ..lab.study.listing import courses, environments
from ..lab.study.merge import merge
from ..lab.study.plan import Plan
from ..lab.trials.outcome import Outcome
from ..report.numbers import summarise
from .compare import tell_summary
from .notes import as_notes
from .output import print_json, tell


def show_command(folder: Path, as_json: bool) -> int:
    """Print what a study holds: each comparison with its table, whole or as far as it is."""
    with as_notes():
        journal = read_journal(folder)
    plans = courses(journal)
    if as_json:
        for one in journal.outcomes.values():
            print_json(_row(one))
        return 0
    print(_counted(journal))
    for plan in plans:
        asked = len({one.key for one in plan.trials()})  # two strategies may ask for one trial
        for environment, found in environments(journal, plan).items():
            course = say(
                "{course}, with {environment}: {trials} of {asked} asked for",
                course=_course(plan),
                environment=environment,
                trials=_ends(found),
                asked=asked,
            )
            print(f"\n{course}", flush=True)
            summary = summarise(plan, found, from_words(environment))
            tell_summary(summary, as_json=False)
            if summary.unfinished:
                print(say("Left out, not all of their runs are finished: {names}.", names=commas(summary.unfinished)))
            sys.stdout.flush()
    return 0


def merge_command(into: Path, others: Sequence[Path]) -> int:
    """Write what other folders hold into one."""
    if not others:
        raise StepsizeError(
            say("merge needs at least 2 folders, not {into} alone: write stepsize study merge A B", into=into)
        )
    for other in others:
        with as_notes():
            done = merge(into, other)
        tell(
            say(
                "{other}: {trials} came into {into}, {known} known already",
                other=other,
                trials=_trials(done.came),
                into=into,
                known=done.known,
            )
        )
    return 0


def _counted(journal: Journal) -> str:
    outcomes = list(journal.outcomes.values())
    held = {"path": journal.path, "trials": _ends(outcomes)}
    if len(journal.subjects) == 1:
        return say("{path}: {trials}, of 1 problem", **held)
    return say("{path}: {trials}, of {problems} problems", **held, problems=len(journal.subjects))


def _course(plan: Plan) -> str:
    told = {"data": plan.subject.data, "steps": plan.steps}
    if not plan.subject.rows_train:
        return say("{data}, {steps} steps", **told)
    return say("{data}, {steps} steps, batch {batch}", **told, batch=plan.batch_size or say("all"))


def _ends(outcomes: Sequence[Outcome]) -> str:
    """How many trials there are, and how they ended."""
    lost = sum(one.diverged for one in outcomes)
    paused = sum(not one.over for one in outcomes)
    trials = _trials(len(outcomes))
    if lost and paused:
        return say("{trials} ({lost} diverged, {paused} paused)", trials=trials, lost=lost, paused=paused)
    if lost:
        return say("{trials} ({lost} diverged)", trials=trials, lost=lost)
    return say("{trials} ({paused} paused)", trials=trials, paused=paused) if paused else trials


def _trials(count: int) -> str:
    return say("1 trial") if count == 1 else say("{count} trials", count=count)


def _row(one: Outcome) -> dict[str, object]:
    """A trial for JSON: what it is and how it ended."""
    ends = {name: (getattr(one, name) or (None,))[-1] for name in ("train", "validation", "test")}
    about = {"key": one.trial.key, **one.trial.as_dict(), "made": one.made, "over": one.over}
    return {**about, "diverged": one.diverged, **ends, "environment": one.environment}
