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
from ..lab.records.foreign.wanted import Wanted
from ..lab.records.logs import read_log
from ..lab.study.journal import FILE, is_journal, read_journal
from ..lab.study.listing import Listed, listed
from ..lab.study.plan import Entrant
from .log_options import number_of
from .notes import as_notes
from .output import print_json


def diagnose_command(path: Path, wanted: Wanted, strategy: str | None, as_json: bool) -> int:
    """Print the diagnosis of a record, or of the runs of a journal; returns the exit code, whatever was found."""
    path = path / FILE if (path / FILE).is_file() else path
    if is_journal(path):
        if wanted.columns:
            raise StepsizeError(f"{path} is a journal, whose columns are known: leave --loss, --step and --lr out")
        _journal(path, number_of(wanted), strategy, as_json)
        return 0
    if strategy is not None:
        raise StepsizeError(f"{path} is no journal: leave --strategy out")
    with as_notes():
        record = read_log(path, wanted)
    _tell(diagnose(record), as_json)
    return 0


def _tell(told: Diagnosis, as_json: bool) -> None:
    """One diagnosis, whole."""
    console = Console(highlight=False)
    if as_json:
        print_json(told.as_dict())
    elif console.is_terminal:
        _draw(told, console)
    else:
        print(told)


def _journal(path: Path, number: int | None, strategy: str | None, as_json: bool) -> None:
    """The runs of a study, a line each, or one of them whole."""
    with as_notes():
        every = listed(read_journal(path))
    runs = _chosen(every, path, number, strategy)
    if as_json:
        for one in runs:
            print_json({**_about(one), **diagnose(one.outcome.record).as_dict()})
    elif number is not None:
        trial = runs[0].outcome.trial
        name = runs[0].plan.strategies[runs[0].strategy].name
        print(f"run {number} of {path}: {name}, base rate {trial.rate:.4g}, seed {trial.seed}", end="\n\n", flush=True)
        _tell(diagnose(runs[0].outcome.record), as_json=False)
    else:
        _list(runs)


def _chosen(every: list[Listed], path: Path, number: int | None, strategy: str | None) -> list[Listed]:
    """The runs that were asked for."""
    runs = every
    if strategy is not None:
        wanted = _strategy(every, path, strategy)
        runs = [one for one in runs if str(one.plan.strategies[one.strategy].strategy) == wanted]
    if number is not None:
        runs = [one for one in runs if one.number == number]
    if not runs:
        most = sum({id(one.plan): one.plan.runs for one in every}.values())
        what = "has no run yet" if number is None else f"has no run {number} yet (of {most})"
        of = "" if strategy is None else f" of strategy {strategy}"
        raise StepsizeError(f"{path} {what}{of}: leave --run and --strategy out to see all that there are")
    return runs


def _strategy(every: list[Listed], path: Path, wanted: str) -> str:
    """The strategy of a name or a text."""
    known: dict[str, str] = {}
    for one in every:
        entrant = one.plan.strategies[one.strategy]
        for name in (entrant.name, entrant.text, str(entrant.strategy)):
            known.setdefault(name, str(entrant.strategy))
    if wanted in known:
        return known[wanted]
    near = get_close_matches(wanted, known, n=1)
    guess = f"did you mean {near[0]}?" if near else f"write one of {', '.join(list(known)[:8])}"
    raise StepsizeError(f"{path} has no strategy {wanted!r}: {guess}")


def _list(runs: list[Listed]) -> None:
    """A line for each run, under its strategy: which it is, how it ended, what was found."""
    for plan in {id(one.plan): one.plan for one in runs}.values():
        own = [one for one in runs if one.plan is plan]
        print(f"{plan.subject.data}: {len(own)} of {plan.runs} runs of {plan.steps} steps; one of them whole: --run N")
        for i, entrant in enumerate(plan.strategies):
            _list_strategy(entrant, [one for one in own if one.strategy == i])


def _list_strategy(entrant: Entrant, runs: list[Listed]) -> None:
    if not runs:
        return
    name = f"{entrant.name}: " if entrant.name != entrant.text else ""
    print(f"\n{name}{entrant.text}\n   run  base rate  seed  updates  last loss  found")
    for one in runs:
        trial, last = one.outcome.trial, one.outcome.train[-1]
        found = ", ".join(one.illness for one in diagnose(one.outcome.record).findings) or "–"
        loss = "–" if last is None else f"{last:.4g}"
        print(f"{one.number:>6}  {trial.rate:>9.4g}  {trial.seed:>4}  {one.outcome.made:>7}  {loss:>9}  {found}")


def _about(one: Listed) -> dict[str, Any]:
    """Which run it is, for JSON."""
    entrant, outcome = one.plan.strategies[one.strategy], one.outcome
    which = {"run": one.number, "strategy": entrant.name, "text": entrant.text, "base": outcome.trial.rate}
    ended = {"updates": outcome.made, "diverged": outcome.diverged, "loss": outcome.train[-1]}
    return which | {"seed": outcome.trial.seed} | ended


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
