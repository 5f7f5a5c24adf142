"""The help of all commands in the language that is spoken."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import rich_click as click
from rich.console import Console, ConsoleOptions, RenderResult
from rich.containers import Lines
from rich.measure import Measurement
from rich.text import Text
from rich_click.rich_help_formatter import RichHelpFormatter

from .._language import said, say
from .._lines import breaks, is_wide

TITLES = {
    "OPTIONS_PANEL_TITLE": "Options",
    "COMMANDS_PANEL_TITLE": "Commands",
    "ARGUMENTS_PANEL_TITLE": "Arguments",
}


class _Formatter(RichHelpFormatter):
    """The help as rich-click writes it, with the first word in the language that is spoken."""

    def write_usage(self, prog: str, args: str = "", prefix: str | None = None) -> None:
        super().write_usage(prog, args, said("Usage:") if prefix is None else prefix)

    def rich_text(self, *given: Any, **options: Any) -> Any:
        return _Folded(super().rich_text(*given, **options))


class _Folded:
    """Text without spaces, which is broken at the end of a line and not cut off there."""

    def __init__(self, text: Any) -> None:
        self.text = text

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield from console.render(self.text, options.update(overflow="fold"))

    def __rich_measure__(self, console: Console, options: ConsoleOptions) -> Measurement:
        return Measurement.get(console, options, self.text)


_wrap = Text.wrap


def _wrapped(text: Text, console: Console, width: int, **options: Any) -> Lines:
    """The lines of a text as rich breaks them; one in Chinese ends behind any character, but before no full stop."""
    if not is_wide(text.plain) or options.get("no_wrap"):
        return _wrap(text, console, width, **options)
    lines = Lines()
    for line in text.split(allow_blank=True):
        for part in line.divide(breaks(line.plain, width)):
            part.rstrip()
            lines.append(part)
    return lines


@contextmanager
def translated(main: click.RichGroup) -> Iterator[None]:
    """Every help text of a group and of all inside it is in the language that is spoken, until the end of the block."""
    with ExitStack() as stack:
        for owner, name, value in _changes(main):
            stack.callback(setattr, owner, name, getattr(owner, name))
            setattr(owner, name, value)
        yield


def _changes(main: click.RichGroup) -> Iterator[tuple[Any, str, Any]]:
    """What is set otherwise: the owner, the attribute, and its value."""
    yield click.RichContext, "formatter_class", _Formatter
    yield Text, "wrap", _wrapped
    for name, title in TITLES.items():
        yield click.rich_click, name, said(title)
    yield click.rich_click, "DEFAULT_STRING", say("[default: {value}]", value="{}")
    yield click.rich_click, "REQUIRED_LONG_STRING", said("[required]")
    for command in commands(main):
        yield command, "help", paragraphs(command.help or "")
        yield command, "short_help", said(first(command.help or ""))
        yield command, "epilog", said(command.epilog or "")
        for option in options(command, main):
            yield option, "help", said(option.help or "")


def commands(command: click.Command) -> Iterator[click.Command]:
    """A command and all inside it."""
    yield command
    for one in getattr(command, "commands", {}).values():
        yield from commands(one)


def options(command: click.Command, main: click.Command) -> list[click.Option]:
    """The options of a command, the one that shows its help among them."""
    context = click.RichContext(command, **main.context_settings)
    return [one for one in command.get_params(context) if isinstance(one, click.Option)]


def texts(help_text: str) -> list[str]:
    """The paragraphs of a help text, each in one line; one that is an example keeps its indent.

    >>> texts("Say it\\nwhole.\\n\\nExample:\\n\\n    stepsize list")
    ['Say it whole.', 'Example:', '    stepsize list']
    """
    parts = inspect.cleandoc(help_text).split("\n\n")
    return [part if part.startswith("    ") else " ".join(part.split()) for part in parts]


def first(help_text: str) -> str:
    """The first paragraph."""
    return texts(help_text)[0]


def paragraphs(help_text: str) -> str:
    """A help text in the language that is spoken, paragraph by paragraph; examples stay as they are."""
    return "\n\n".join(part if part.startswith("    ") else said(part) for part in texts(help_text))
