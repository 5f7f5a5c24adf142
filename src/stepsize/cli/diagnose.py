"""`stepsize diagnose`: what is wrong with a run, from its record or its log, or with the runs of a journal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from .._errors import StepsizeError
from .._language import commas, heard, say, spoken
from .._lines import filled, width
from ..lab.diagnosis import Diagnosis, diagnose
from ..lab.diagnosis.base import in_brackets, to_try
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
            raise StepsizeError(
                say("{path} is a journal, whose columns are known: leave --loss, --step and --lr out", path=path)
            )
        _journal(path, number_of(wanted), strategy, as_json)
        return 0
    if strategy is not None:
        raise StepsizeError(say("{path} is no journal: leave --strategy out", path=path))
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
        told = say(
            "run {number} of {path}: {name}, base rate {base:.4g}, seed {seed}",
            number=number,
            path=path,
            name=name,
            base=trial.rate,
            seed=trial.seed,
        )
        print(told, end="\n\n", flush=True)
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
        of = "" if strategy is None else say(" of strategy {strategy}", strategy=strategy)
        none = say("{path} has no run yet{of}", path=path, of=of)
        if number is not None:
            none = say("{path} has no run {number} yet (of {most}){of}", path=path, number=number, most=most, of=of)
        raise StepsizeError(say("{none}: leave --run and --strategy out to see all that there are", none=none))
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
    if near:
        raise StepsizeError(
            say("{path} has no strategy {wanted!r}: did you mean {near}?", path=path, wanted=wanted, near=near[0])
        )
    names = heard(commas(list(known)[:8]))
    raise StepsizeError(
        say("{path} has no strategy {wanted!r}: write one of {names}", path=path, wanted=wanted, names=names)
    )


def _list(runs: list[Listed]) -> None:
    """A line for each run, under its strategy: which it is, how it ended, what was found."""
    for plan in {id(one.plan): one.plan for one in runs}.values():
        own = [one for one in runs if one.plan is plan]
        told = say(
            "{data}: {count} of {all} runs of {steps} steps; one of them whole: --run N",
            data=plan.subject.data,
            count=len(own),
            all=plan.runs,
            steps=plan.steps,
        )
        print(told)
        found = {}
        for i, entrant in enumerate(plan.strategies):
            mine = [one for one in own if one.strategy == i]
            if mine:
                found[entrant.name] = _list_strategy(entrant, mine)
        if len(found) > 1:
            _count(found)


def _count(found: dict[str, list[list[str]]]) -> None:
    """How often what was found, a line for each strategy: the end of a list is what a terminal shows."""
    print(f"\n{say('How many runs of each strategy have it:')}")
    for name, runs in found.items():
        counts = Counter(illness for one in runs for illness in one)
        told = [say("{illness} {count}", illness=illness, count=count) for illness, count in counts.most_common()]
        clean = sum(not one for one in runs)
        told += [say("nothing found {count}", count=clean)] if clean else []
        print(say("  {name}, {all} runs: {counts}", name=name, all=len(runs), counts=commas(told)))


def _list_strategy(entrant: Entrant, runs: list[Listed]) -> list[list[str]]:
    """A line for each run of a strategy; what was found in each."""
    name = f"{entrant.name}: " if entrant.name != entrant.text else ""
    titles = (say("run"), say("base rate"), say("seed"), say("updates"), say("last loss"))
    widths = [max(least, width(title)) for least, title in zip((6, 9, 4, 7, 9), titles, strict=True)]
    print(f"\n{name}{entrant.text}\n{_row(titles, widths, say('found'))}")
    every = []
    for one in runs:
        trial, last = one.outcome.trial, one.outcome.train[-1]
        illnesses = [found.illness for found in diagnose(one.outcome.record).findings]
        every.append(illnesses)
        loss = "–" if last is None else f"{last:.4g}"
        cells = (str(one.number), f"{trial.rate:.4g}", str(trial.seed), str(one.outcome.made), loss)
        print(_row(cells, widths, heard(commas(illnesses)) if illnesses else "–"))
    return every


def _row(cells: Sequence[str], widths: Sequence[int], found: str) -> str:
    """Cells below one another, and what was found."""
    return "  ".join([*(" " * (room - width(one)) + one for one, room in zip(cells, widths, strict=True)), found])


def _about(one: Listed) -> dict[str, Any]:
    """Which run it is, for JSON."""
    entrant, outcome = one.plan.strategies[one.strategy], one.outcome
    which = {"run": one.number, "strategy": entrant.name, "text": entrant.text, "base": outcome.trial.rate}
    ended = {"updates": outcome.made, "diverged": outcome.diverged, "loss": outcome.train[-1]}
    return which | {"seed": outcome.trial.seed} | ended


def _draw(told: Diagnosis, console: Console) -> None:
    """The same text as for a pipe, in colour and as wide as the terminal."""
    told = told.now()
    console.print(Text(told.about, style="dim"))
    console.print(Text(told.verdict, style="bold red" if told.findings else "bold green"))
    for place, one in enumerate(told.findings, start=1):
        console.print()
        console.print(Text.assemble((f"{place}. {one.illness}", "bold"), (in_brackets(one.sure), "dim")))
        console.print(Padding(_text(one.says, console, 3), (0, 0, 0, 3)))
        head, rest = to_try(one.advice)
        advice = _text(head + rest, console, 3)
        advice.stylize("green", 0, len(head) + rest.startswith(" "))
        console.print(Padding(advice, (0, 0, 0, 3)))
    for remark in told.remarks:
        console.print()
        console.print(_text(remark, console))
    if told.not_judged:
        console.print()
        console.print(Text(say("Not judged:"), style="dim"))
        for why in told.left_open():
            console.print(Padding(_text(why, console, 2, "dim"), (0, 0, 0, 2)))


def _text(text: str, console: Console, indent: int = 0, style: str = "") -> Text:
    """A text as wide as the terminal; rich breaks lines at blanks alone, which Chinese hardly has."""
    return Text(text if spoken() == "en" else "\n".join(filled(text, console.width - indent)), style=style)
