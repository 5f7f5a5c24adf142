"""`stepsize compare`: data in; a table, a page, pictures and a journal out."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ..course.log import put
from ..lab.compare import compare, prepare, versions
from ..lab.records.journal import FILE, Journal
from ..lab.workload import Workload
from ..report.numbers import Summary, summarise
from ..report.table import print_table
from .bundled import workload
from .notes import as_notes
from .output import DONE, INTERRUPTED, note, print_json, tell


def compare_command(
    data: str,
    texts: tuple[str, ...],
    *,
    target: str | None,
    task: str | None,
    steps: int,
    batch_size: int,
    seeds: int,
    rates: tuple[float, float, int] | None,
    out: Path | None,
    as_json: bool,
) -> int:
    """Run a comparison and print it; returns the exit code. An interrupt keeps every finished run."""
    given = workload(data, target=target, task=task)
    settings = prepare(given, texts, steps=steps, batch_size=batch_size or None, seeds=seeds, rates=rates)
    write = _writer() if out is not None else None
    with as_notes():
        journal = Journal(settings, versions(given.packages), out)
    for remark in settings.notes:
        note(remark)
    interrupted = False
    try:
        _train(given, journal)
    except KeyboardInterrupt:
        interrupted = True
    summary = summarise(journal)
    written = "" if interrupted or out is None or write is None else write(summary, out)  # before a pipe may break
    if as_json:
        for row in summary.rows:
            print_json(_honest(asdict(row), settings.validated))
    elif summary.rows:
        print_table(summary)
    sys.stdout.flush()
    if interrupted:
        return _say_interrupted(journal, out)
    if written:
        tell(written)
    return DONE


def _honest(row: Any, validated: bool) -> Any:
    """A row without the validation losses that there were not."""
    if validated or not isinstance(row, (dict, list, tuple)):
        return row
    if not isinstance(row, dict):
        return [_honest(one, validated) for one in row]
    return {name: None if name.endswith("validation") else _honest(one, validated) for name, one in row.items()}


def _train(given: Workload, journal: Journal) -> None:
    settings = journal.settings
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("runs"), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("training", total=settings.runs, completed=len(journal.records))

        def report(_: int) -> None:
            progress.update(bar, completed=len(journal.records))
            if progress.disable:
                tell(f"trained {len(journal.records)} of {settings.runs} runs")

        compare(given, journal, report)


def _writer() -> Callable[[Summary, Path], str]:
    """What writes the page and the pictures and says so; made before the training, where a missing package is told."""
    from ..report.figures import save_figures
    from ..report.page import page

    def write(summary: Summary, out: Path) -> str:
        pictures = save_figures(summary, out)
        put(out / "index.html", [page(summary).encode()])
        names = ", ".join(one.name for one in pictures)
        return f"written to {out}: index.html (open it in a browser), {names}, {FILE}"

    return write


def _say_interrupted(journal: Journal, out: Path | None) -> int:
    done = f"interrupted: {len(journal.records)} of {journal.settings.runs} runs are finished"
    if out is None:
        tell(f"{done}; with --out DIR they would be kept and the same command would continue")
    else:
        again = shlex.join(["stepsize", *sys.argv[1:]])
        tell(f"{done} and kept in {out / FILE}; to continue, repeat: {again}")
    return INTERRUPTED
