"""The options of every command that reads a log: which of its columns and of its runs is meant, as one value."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import rich_click as click

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..lab.records.foreign.wanted import Wanted

_OPTIONS = (
    ("loss", "COLUMN", "Of a log, the column of the loss; A+B adds columns up."),
    ("step", "COLUMN", "Of a log, the column that counts updates."),
    ("lr", "COLUMN", "Of a log, the column of the learning rate."),
    ("run", "NAME", "Of several runs in one file, this one; of a journal, the run of this number, told whole."),
)


def log_options(command: Callable[..., int]) -> Callable[..., int]:
    """Give a command --loss, --step, --lr and --run, handed to it as `wanted`, what `read` takes."""

    @wraps(command)
    def with_wanted(*given: Any, **options: Any) -> int:
        from ..lab.records.foreign.wanted import Wanted

        wanted = Wanted(**{name: options.pop(name) for name, *_ in _OPTIONS})
        return command(*given, wanted=wanted, **options)

    made: Callable[..., int] = with_wanted
    for name, kind, said in reversed(_OPTIONS):
        made = click.option(f"--{name}", metavar=kind, help=said)(made)
    return made


def number_of(wanted: Wanted) -> int | None:
    """The number that --run names for a journal; an error where it is none."""
    import click as plain

    from .kinds import Whole

    if wanted.run is None:
        return None
    option = plain.Option(["--run"])
    return int(Whole(1).convert(wanted.run, option, None))
