"""`stepsize diagnose`: what is wrong with a run, from its record or its log, or with the runs of a journal."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from .._errors import StepsizeError
from ..lab.diagnosis import Diagnosis, diagnose
from ..lab.records.journal import FILE, Finished, Journal, is_journal, read_journal
from ..lab.records.record import read
from .notes import as_notes
from .output import print_json


def diagnose_command(path: Path, number: int | None, strategy: str | None, as_json: bool) -> int:
    """Print the diagnosis of a record, or of the runs of a journal; returns the exit code, whatever was found."""
    path = path / FILE if (path / FILE).is_file() else path
    if is_journal(path):
        _journal(path, number, strategy, as_json)
        return 0
    if number is not None or strategy is not None:
        raise StepsizeError(f"{path} holds one run: leave --run and --strategy out, which are for a journal")
    with as_notes():
        record = read(path)
    _tell(diagnose(record), as_json)
    return 0


def _tell(told: Diagnosis, as_json: bool) -> None:
    """One diagnosis, whole."""
    console = Console(highlight=False)
    if as_json:
        _print_json(told.as_dict())
    elif console.is_terminal:
        _draw(told, console)
    else:
        print(told)


def _journal(path: Path, number: int | None, strategy: str | None, as_json: bool) -> None:
    """The runs of a comparison, a line each, or one of them whole."""
    with as_notes():
        journal = read_journal(path)
    runs = _chosen(journal, path, number, strategy)
    if as_json:
        for place, run in runs:
            _print_json({**_about(journal, place, run), **diagnose(run.record).as_dict()})
    elif number is not None:
        place, run = runs[0]
        name = journal.settings.strategies[run.strategy].name
        print(f"run {place} of {path}: {name}, base rate {run.base:.4g}, seed {run.seed}", end="\n\n", flush=True)
        _tell(diagnose(run.record), as_json=False)
    else:
        _list(journal, runs)


def _chosen(journal: Journal, path: Path, number: int | None, strategy: str | None) -> list[tuple[int, Finished]]:
    """The runs that were asked for, by their numbers."""
    settings = journal.settings
    runs = sorted(
        ((settings.number(one.strategy, one.base, one.seed), one) for one in journal.records), key=lambda pair: pair[0]
    )
    if strategy is not None:
        place = _strategy(journal, path, strategy)
        runs = [pair for pair in runs if pair[1].strategy == place]
    if number is not None:
        runs = [pair for pair in runs if pair[0] == number]
    if not runs:
        what = "has no finished run yet" if number is None else f"has no finished run {number} (of {settings.runs})"
        of = "" if strategy is None else f" of strategy {strategy}"
        raise StepsizeError(f"{path} {what}{of}: leave --run and --strategy out to see all that there are")
    return runs


def _strategy(journal: Journal, path: Path, wanted: str) -> int:
    """The place of a strategy, by its name or its text."""
    known: dict[str, int] = {}
    for place, one in enumerate(journal.settings.strategies):
        known.setdefault(one.name, place)
        known.setdefault(one.text, place)
    if wanted in known:
        return known[wanted]
    near = get_close_matches(wanted, known, n=1)
    guess = f"did you mean {near[0]}?" if near else f"write one of {', '.join(list(known)[:8])}"
    raise StepsizeError(f"{path} has no strategy {wanted!r}: {guess}")


def _list(journal: Journal, runs: list[tuple[int, Finished]]) -> None:
    """A line for each run, under its strategy: which it is, how it ended, what was found."""
    settings = journal.settings
    print(f"{settings.data}: {len(runs)} of {settings.runs} runs; one of them whole: --run N")
    for i, entrant in enumerate(settings.strategies):
        own = [pair for pair in runs if pair[1].strategy == i]
        if own:
            name = f"{entrant.name}: " if entrant.name != entrant.text else ""
            print(f"\n{name}{entrant.text}\n   run  base rate  seed  updates  last loss  found")
        for place, run in own:
            last = run.train[-1]
            found = ", ".join(one.illness for one in diagnose(run.record).findings) or "–"
            loss = "–" if last is None else f"{last:.4g}"
            print(f"{place:>6}  {run.base:>9.4g}  {run.seed:>4}  {run.record.made:>7}  {loss:>9}  {found}")


def _about(journal: Journal, place: int, run: Finished) -> dict[str, Any]:
    """Which run it is, for JSON."""
    entrant = journal.settings.strategies[run.strategy]
    which = {"run": place, "strategy": entrant.name, "text": entrant.text, "base": run.base, "seed": run.seed}
    return which | {"updates": run.record.made, "diverged": run.diverged, "loss": run.train[-1]}


def _print_json(told: dict[str, Any]) -> None:
    print_json({name: finite_only(one) for name, one in told.items()})


def finite_only(value: object) -> object:
    """The same with None for numbers that JSON has no word for."""
    if isinstance(value, dict):
        return {name: finite_only(one) for name, one in value.items()}
    if isinstance(value, list):
        return [finite_only(one) for one in value]
    if isinstance(value, float) and value - value != 0:
        return None
    return value


def _draw(told: Diagnosis, console: Console) -> None:
    """The same text as for a pipe, in colour and as wide as the terminal."""
    console.print(Text(told.about, style="dim"))
    console.print(Text(told.verdict, style="bold red" if told.findings else "bold green"))
    for place, one in enumerate(told.findings, start=1):
        console.print()
        console.print(Text.assemble((f"{place}. {one.illness}", "bold"), (f" ({one.sure})", "dim")))
        console.print(Padding(Text(one.says), (0, 0, 0, 3)))
        console.print(Padding(Text.assemble(("Try: ", "green"), f"{one.advice}."), (0, 0, 0, 3)))
    for remark in told.remarks:
        console.print()
        console.print(Text(remark))
    if told.not_judged:
        console.print()
        console.print(Text("Not judged:", style="dim"))
        for names, reason in told.by_reason():
            console.print(Padding(Text(f"{', '.join(names)}: {reason}.", style="dim"), (0, 0, 0, 2)))
