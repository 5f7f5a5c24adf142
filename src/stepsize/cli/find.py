"""`stepsize find`: a range test of a strategy on data, what it says of the best rate, and how little that is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from .._errors import StepsizeError
from .._language import say
from ..course.swept import HIGH, LOW
from ..lab.finding import SHARE, STEPS, find_rate, updates_of
from .bundled import workload
from .notes import as_notes
from .output import DONE, note, print_json, tell
from .show import picture


def find_command(
    data: str,
    text: str | None,
    *,
    target: str | None = None,
    task: str | None = None,
    low: float = LOW,
    high: float = HIGH,
    share: float = SHARE,
    batch_size: int = 32,
    steps: int = STEPS,
    seed: int = 0,
    png: Path | None = None,
    svg: Path | None = None,
    as_json: bool = False,
) -> int:
    """Print what a range test found; returns the exit code, also where it cannot tell."""
    pictures = [Path(one) for one in (png, svg) if one is not None]
    _check(pictures, png, svg)
    with as_notes():
        given = workload(data, target=target, task=task)
        for remark in given.notes:
            note(remark)
        with _bar(updates_of(steps, share)) as on_update:
            found = find_rate(
                given,
                text,
                low=low,
                high=high,
                steps=steps,
                share=share,
                batch_size=batch_size or None,
                seed=seed,
                on_update=on_update,
            )
        for path in pictures:  # before a pipe may break
            from ..report.finding import save_sweep

            tell(say("written: {path}", path=save_sweep(found, path)))
    if as_json:
        print_json(found.as_dict())
    else:
        print(found)
    sys.stdout.flush()
    return DONE


@contextmanager
def _bar(updates: int) -> Iterator[Callable[[int], None]]:
    """A bar in a terminal, which is gone afterwards: a function that is told how many updates are made."""
    console = Console(stderr=True)
    columns = TextColumn(say("sweeping")), BarColumn(), MofNCompleteColumn()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task("updates", total=updates)
        yield lambda done: bar.update(task, completed=done)


def _check(pictures: Sequence[Path], png: Path | None, svg: Path | None) -> None:
    """Refuse a picture that could not be written, before anything is trained."""
    for path, ending in ((png, ".png"), (svg, ".svg")):
        if path is not None:
            picture(str(path), ending)
    for path in pictures:
        if not path.parent.is_dir():
            raise StepsizeError(
                say("{path}: there is no folder {folder}: make it first", path=path, folder=path.parent)
            )
    if pictures:
        from ..report import finding  # noqa: F401 - which says what is not installed
