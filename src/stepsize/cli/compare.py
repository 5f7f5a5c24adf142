"""`stepsize compare`: data in; a table, a verdict, a page, pictures and a journal out."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .._language import say
from ..lab.compare import prepare, split_name
from ..lab.environment import versions
from ..lab.places.base import Place
from ..lab.study.journal import FILE
from ..lab.study.plan import Plan
from ..lab.study.study import Study
from ..report.numbers import Summary, summarise
from ..report.table import print_table
from .bundled import workload
from .exports import Exports
from .notes import as_notes
from .output import DONE, INTERRUPTED, as_typed, note, print_json, tell
from .places import place_for
from .progress import shown


def compare_command(
    data: str,
    texts: tuple[str, ...],
    *,
    target: str | None,
    task: str | None,
    steps: int,
    batch_size: int,
    seeds: int,
    rates: Sequence[float] | None,
    reference: str | None,
    jobs: int,
    cluster: str | None,
    exports: Exports,
    as_json: bool,
) -> int:
    """Run a comparison and print it; returns the exit code. An interrupt keeps every finished run."""
    given = workload(data, target=target, task=task)
    plan = prepare(
        given, texts, steps=steps, batch_size=batch_size or None, seeds=seeds, rates=rates, reference=reference
    )
    exports.check(data)
    with as_notes():
        study = Study(given, exports.out)
    for remark in (*plan.subject.notes, *_said_twice(texts, plan)):
        note(remark)
    with study, as_notes():
        say_strangers(study)
        place = place_for(given, data, target, task, jobs, cluster)
        grown = study.ask(plan)
        interrupted = _train(study, plan, place)
        if alone := getattr(given.problem, "note", ""):  # which shows while it trains
            note(alone)
        summary = summarise(grown, study.outcomes(grown.trials()), versions(given.packages))
        written = [] if interrupted else exports.write(summary)  # before a pipe may break
    tell_summary(summary, as_json)
    if interrupted:
        return _say_interrupted(study, plan, exports.out)
    for line in written:
        tell(line)
    return DONE


def tell_summary(summary: Summary, as_json: bool) -> None:
    """Print a comparison: the table, or one JSON object for each strategy and one with the verdict."""
    if as_json:
        for row in summary.rows:
            print_json(_honest(asdict(row), summary.settings))
        print_json({"verdict": summary.verdict})
    elif summary.rows:
        print_table(summary)
    sys.stdout.flush()


def _honest(row: Any, plan: Plan) -> Any:
    """A row without the validation losses that there were not."""
    if plan.subject.validated or not isinstance(row, (dict, list, tuple)):
        return row
    if not isinstance(row, dict):
        return [_honest(one, plan) for one in row]
    return {name: None if name.endswith("validation") else _honest(one, plan) for name, one in row.items()}


def _train(study: Study, plan: Plan, place: Place) -> bool:
    """Train what is missing; whether that was interrupted."""
    try:
        with shown(plan.runs) as (on_progress, on_event):
            study.train(plan.trials(), place, on_progress=on_progress, on_event=on_event)
    except KeyboardInterrupt:
        return True
    finally:
        place.close()
    return False


def _said_twice(texts: Sequence[str], plan: Plan) -> list[str]:
    """Which names were given to a strategy that has another name already."""
    there = {one.name for one in plan.strategies} | {one.text for one in plan.strategies}
    named = [split_name(one)[0] for one in texts]
    return [
        say("{text} is a strategy that is given already, and is trained once, under the first name", text=one)
        for one in named
        if " ".join(one.split()) not in there and one not in there
    ]


def say_strangers(study: Study) -> None:
    """Say what the folder holds that does not count in this comparison."""
    folder = study.journal.folder
    for environment, count in study.strangers().items():
        made = {"folder": folder, "runs": _runs(count), "environment": environment}
        note(say("{folder} also holds {runs} made with {environment}, which do not count here", **made))
    if study.others():
        note(
            say(
                "{folder} also holds {runs} of another problem (the file, the data or the start differ), which do not "
                "count here",
                folder=folder,
                runs=_runs(study.others()),
            )
        )


def _runs(count: int) -> str:
    return say("1 run") if count == 1 else say("{count} runs", count=count)


def _say_interrupted(study: Study, plan: Plan, out: Path | None) -> int:
    finished = sum(one.over for one in study.outcomes(plan.trials()))
    done = {"finished": finished, "runs": plan.runs}
    if out is None:
        tell(
            say(
                "interrupted: {finished} of {runs} runs are finished; with --out DIR they would be kept and the same "
                "command would continue",
                **done,
            )
        )
    else:
        tell(
            say(
                "interrupted: {finished} of {runs} runs are finished and kept in {file}; to continue, repeat: "
                "{command}",
                **done,
                file=out / FILE,
                command=as_typed(),
            )
        )
    return INTERRUPTED
