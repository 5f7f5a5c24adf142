"""`stepsize tune`: data in; the expression to paste, how sure it is, and what it cost out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from .._errors import StepsizeError
from .._language import commas, say
from ..course.log import put
from ..lab.choose.policy import Policy
from ..lab.choose.prior import family_of
from ..lab.earlier import earlier
from ..lab.study.journal import FILE, is_journal
from ..lab.study.study import Study
from ..lab.tune import TOGETHER, Tuned, policy_for, tune
from ..report.tuned import tuned_page, verdict_of
from .budget import Budget
from .bundled import workload
from .compare import say_strangers
from .notes import as_notes
from .output import DONE, INTERRUPTED, note, print_json, so_far, tell
from .places import place_for
from .progress import spending

PAGE = "tune.html"


def tune_command(
    data: str,
    texts: tuple[str, ...],
    *,
    target: str | None,
    task: str | None,
    steps: int,
    batch_size: int,
    budget: Budget,
    jobs: int,
    cluster: str | None,
    out: Path | None,
    prior: Sequence[Path] = (),
    resume: bool = False,
    as_json: bool,
) -> int:
    """Tune strategies on data and print the verdict; returns the exit code. Ctrl-C gives the verdict so far."""
    look_resumed(out, resume)
    given = workload(data, target=target, task=task)
    workers = jobs if cluster is None else TOGETHER  # how many a cluster has, nobody knows before it trains
    policy = policy_for(given, texts, steps=steps, batch_size=batch_size or None, budget=budget.runs, workers=workers)
    with as_notes():
        policy = with_earlier(replace(policy, trials=budget.trials), prior, out)
    with as_notes(), Study(given, out) as study:
        for remark in given.notes:
            note(remark)
        if not given.subject.validated:
            note(say("there is no validation problem, so the training loss decides: it favours rates that overfit"))
        say_strangers(study)
        place = place_for(given, data, target, task, jobs, cluster)
        try:
            with spending(budget.runs, budget.seconds) as (on_asked, on_event):
                found = tune(study, policy, place, seconds=budget.seconds, on_asked=on_asked, on_event=on_event)
        except KeyboardInterrupt:
            tell(say("interrupted before a trial came to its first look: there is no verdict yet"))
            return INTERRUPTED
        finally:
            place.close()
    try:
        _print(found, given.subject.validated, as_json)
    finally:  # a pipe may have broken
        if out is not None:
            put(out / PAGE, [tuned_page(found, given.subject).encode()])
    if out is not None:
        say_written(out, FILE)
    if found.interrupted and budget.seconds is None:
        tell(so_far(out))
        return INTERRUPTED
    return DONE


def say_written(out: Path, *files: str) -> None:
    """Say what a tune has written, and that it can go on."""
    tell(
        say(
            "written to {out}: {page} (open it in a browser), {files}; the same command with a larger --budget goes on",
            out=out,
            page=PAGE,
            files=commas(files),
        )
    )


def look_resumed(out: Path | None, resume: bool) -> None:
    """Refuse --resume where there is nothing to go on from."""
    if resume and out is None:
        raise StepsizeError(say("tune: --resume needs the folder of the search: write --out DIR"))
    if resume and out is not None and not is_journal(out / FILE):
        raise StepsizeError(
            say("tune: {out} holds no search to go on with: name its --out folder, or leave --resume out", out=out)
        )


def with_earlier(policy: Policy, folders: Sequence[Path], out: Path | None) -> Policy:
    """The policy that begins from what earlier tunes found; which of its rules they had nothing of is said."""
    if not folders:
        return policy
    found = earlier(folders, policy.parsed, out)
    for family in sorted({family_of(one.rule) for one in policy.parsed} - {one.family for one in found}):
        note(
            say(
                "--prior holds no finished trial of {family}: its rates are looked for where they lie as a rule",
                family=family,
            )
        )
    return replace(policy, earlier=found)


def _print(found: Tuned, validated: bool, as_json: bool) -> None:
    verdict = found.verdict
    if as_json:
        print_json(verdict.as_dict() | {"asked": found.asked, "interrupted": found.interrupted})
        return
    print(verdict.told(verdict_of(found, validated)))
    sys.stdout.flush()
