"""`stepsize study`: what a folder of runs holds, and two folders made one."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from .._errors import StepsizeError
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
            print(f"\n{_course(plan)}, with {environment}: {_ends(found)} of {asked} asked for", flush=True)
            summary = summarise(plan, found, from_words(environment))
            tell_summary(summary, as_json=False)
            if summary.unfinished:
                print(f"Left out, not all of their runs are finished: {', '.join(summary.unfinished)}.")
            sys.stdout.flush()
    return 0


def merge_command(into: Path, others: Sequence[Path]) -> int:
    """Write what other folders hold into one."""
    if not others:
        raise StepsizeError(f"merge needs at least 2 folders, not {into} alone: write stepsize study merge A B")
    for other in others:
        with as_notes():
            done = merge(into, other)
        tell(f"{other}: {_trials(done.came)} came into {into}, {done.known} known already")
    return 0


def _counted(journal: Journal) -> str:
    outcomes = list(journal.outcomes.values())
    problems = len(journal.subjects)
    return f"{journal.path}: {_ends(outcomes)}, of {problems} {'problem' if problems == 1 else 'problems'}"


def _course(plan: Plan) -> str:
    batch = f", batch {plan.batch_size or 'all'}" if plan.subject.rows_train else ""
    return f"{plan.subject.data}, {plan.steps} steps{batch}"


def _ends(outcomes: Sequence[Outcome]) -> str:
    """How many trials there are, and how they ended."""
    lost = sum(one.diverged for one in outcomes)
    paused = sum(not one.over for one in outcomes)
    told = [f"{lost} diverged"] * bool(lost) + [f"{paused} paused"] * bool(paused)
    return _trials(len(outcomes)) + (f" ({', '.join(told)})" if told else "")


def _trials(count: int) -> str:
    return "1 trial" if count == 1 else f"{count} trials"


def _row(one: Outcome) -> dict[str, object]:
    """A trial for JSON: what it is and how it ended."""
    ends = {name: (getattr(one, name) or (None,))[-1] for name in ("train", "validation", "test")}
    about = {"key": one.trial.key, **one.trial.as_dict(), "made": one.made, "over": one.over}
    return {**about, "diverged": one.diverged, **ends, "environment": one.environment}
