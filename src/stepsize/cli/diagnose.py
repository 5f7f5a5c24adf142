"""`stepsize diagnose`: what is wrong with a run, in words, from its record or its log."""

from __future__ import annotations

import json
from pathlib import Path

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from ..lab.diagnosis import Diagnosis, diagnose
from ..lab.records.record import read


def diagnose_command(path: Path, as_json: bool) -> int:
    """Print the diagnosis of a record; returns the exit code, which does not depend on what was found."""
    told = diagnose(read(path))
    if as_json:
        print(json.dumps(plain(told.as_dict()), ensure_ascii=False, allow_nan=False))
        return 0
    console = Console(highlight=False)
    if console.is_terminal:
        _draw(told, console)
    else:
        print(told)
    return 0


def plain(value: object) -> object:
    """The same with None for numbers that JSON has no word for."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list):
        return [plain(one) for one in value]
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
