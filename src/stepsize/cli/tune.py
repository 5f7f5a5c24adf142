"""`stepsize tune`: data in; the expression to paste, how sure it is, and what it cost out."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

from ..course.log import put
from ..lab.study.journal import FILE
from ..lab.study.study import Study
from ..lab.tune import TOGETHER, Tuned, policy_for, tune
from ..report.tuned import said, tuned_page
from .budget import Budget
from .bundled import workload
from .notes import as_notes
from .output import DONE, INTERRUPTED, note, print_json, tell
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
    as_json: bool,
) -> int:
    """Tune strategies on data and print the verdict; returns the exit code. Ctrl-C gives the verdict so far."""
    given = workload(data, target=target, task=task)
    workers = jobs if cluster is None else TOGETHER  # how many a cluster has, nobody knows before it trains
    policy = policy_for(given, texts, steps=steps, batch_size=batch_size or None, budget=budget.runs, workers=workers)
    with as_notes(), Study(given, out) as study:
        for remark in given.notes:
            note(remark)
        if not given.subject.validated:
            note("there is no validation problem, so the training loss decides: it favours rates that overfit")
        place = place_for(given, data, target, task, jobs, cluster)
        try:
            with spending(budget.runs, budget.seconds) as (on_asked, on_event):
                found = tune(study, policy, place, seconds=budget.seconds, on_asked=on_asked, on_event=on_event)
        except KeyboardInterrupt:
            tell("interrupted before a trial came to its first look: there is no verdict yet")
            return INTERRUPTED
        finally:
            place.close()
    _print(found, given.subject.validated, as_json)
    if out is not None:
        put(out / PAGE, [tuned_page(found, given.subject).encode()])
        tell(
            f"written to {out}: {PAGE} (open it in a browser), {FILE}; the same command with a larger --budget goes on"
        )
    if found.interrupted and budget.seconds is None:
        tell(f"interrupted: this is the verdict so far; to go on, repeat: {shlex.join(['stepsize', *sys.argv[1:]])}")
        return INTERRUPTED
    return DONE


def _print(found: Tuned, validated: bool, as_json: bool) -> None:
    verdict = found.verdict
    if as_json:
        print_json(verdict.as_dict() | {"asked": found.asked, "interrupted": found.interrupted})
        return
    print(verdict.text)
    for line in said(found, validated):
        print(line)
    for line in verdict.unknown:
        print(f"- {line}")
    sys.stdout.flush()
