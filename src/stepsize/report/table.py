"""The table of a comparison in the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from .._language import commas, heard, said, say
from ..lab.records.measures import called
from ..lab.workload import model_said
from .numbers import Mean, Row, Summary

LONGEST_NAME = 28
NARROWEST = 76
PIPED = 400  # columns of a table that nobody looks at in a terminal: as many as it needs


@dataclass(frozen=True)
class Column:
    """A column: its name, what it shows of a row, and how wide a terminal must be for it."""

    name: str
    cell: Callable[[Row], str]
    width: int = NARROWEST


def columns(summary: Summary) -> list[Column]:
    """Every column that this comparison has something for."""
    subject, chosen_by = summary.settings.subject, said(f"{summary.settings.chosen_by} loss")
    found = [
        Column(say("as given"), lambda row: f"{row.base:.4g}", 150),
        Column(chosen_by, lambda row: str(row.given_validation or say("diverged")), 150),
        Column(
            say("best rate"), lambda row: say("none") if row.best_base is None else f"{row.best_base:.4g}{_edge(row)}"
        ),
    ]
    if subject.validated:  # else the next column says it already
        found.append(Column(say("training loss"), lambda row: _told(row.train), 130))
    found.append(Column(chosen_by, lambda row: _told(row.validation), 90 if subject.tested else NARROWEST))
    if subject.tested:
        found.append(Column(say("test loss"), lambda row: _told(row.tested)))
    for name in dict.fromkeys(name for row in summary.rows for name in row.metrics):
        told = heard(called(name))
        found.append(Column(told, lambda row, name=name: _told(row.metrics.get(name)), 110))  # type: ignore[misc]
    found.append(Column(say("worst seed"), lambda row: "–" if row.worst is None else f"{row.worst:.4g}", 140))
    if summary.settings.reference is not None:
        found.append(Column(say("steps to target"), _reached, 100))
    return [
        *found,
        Column(say("good rates"), lambda row: f"×{row.basin[1] / row.basin[0]:.3g}" if row.basin else "–", 120),
        Column(say("diverged"), lambda row: f"{row.diverged / row.runs:.0%}"),
    ]


def print_table(summary: Summary) -> None:
    """Print the comparison: what was compared, a line for each strategy, what is shown, what the columns mean."""
    settings = summary.settings
    console = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED)
    console.width = max(console.width, NARROWEST)  # narrower, a terminal breaks the lines and no number is cut
    data = f"[bold]{escape(settings.subject.data)}[/]"
    console.print(say("{data}: {compared}", data=data, compared=escape(_compared(summary))), soft_wrap=True)
    every = columns(summary)
    shown = [one for one in every if one.width <= console.width]
    table = Table(box=None, pad_edge=False, header_style="bold", collapse_padding=True)
    table.add_column(say("strategy"), no_wrap=True)
    for one in shown:
        table.add_column(one.name, justify="right", no_wrap=True)
    labels = labelled([row.name for row in summary.rows])
    for label, row in zip(labels, summary.rows, strict=True):
        table.add_row(escape(label), *(one.cell(row) for one in shown))
    console.print(table)
    if len(shown) < len(every):
        left_out = commas(one.name for one in every if one.width > console.width)
        console.print(say("Left out for want of width: {columns}; --json has all.", columns=left_out), style="dim")
    for label, row in zip(labels, summary.rows, strict=True):
        if label != row.text:
            console.print(f"{label}  {row.text}", markup=False, soft_wrap=True)
    for line in summary.verdict:
        console.print(line, markup=False, soft_wrap=True)
    for line in caption(summary):
        console.print(line, style="dim", markup=False, soft_wrap=True)


def _compared(summary: Summary) -> str:
    """What was compared: the table and its task, or the model, then how much of it and for how long."""
    settings, subject = summary.settings, summary.settings.subject
    rows = []
    if subject.rows_train:
        rows.append(say("{count} rows to train", count=subject.rows_train))
    if subject.rows_validation:
        rows.append(say("{count} rows to choose by", count=subject.rows_validation))
    if subject.rows_test:
        rows.append(say("{count} rows to judge by", count=subject.rows_test))
    table = [said(subject.task), *rows, say("{count} columns", count=subject.columns)] if subject.task else rows
    about = {"steps": settings.steps, "batch": settings.batch_size or say("all"), "seeds": summary.seeds}
    if subject.rows_train:
        line = say("{steps} steps, batch {batch}, n = {seeds} seeds", **about)
    else:
        line = say("{steps} steps, n = {seeds} seeds", steps=settings.steps, seeds=summary.seeds)
    if table:
        line = say("{table}; {course}", table=said(", ").join(table), course=line)
    return line if subject.task else f"{model_said(subject.model)}\n{line}"


def labelled(names: list[str]) -> list[str]:
    """The names as they fit into a table: long ones become a number, explained below it.

    >>> labelled(["fixed", "adam() | 0.01 * (warmup(10) >> cosine())"])
    ['fixed', '[2]']
    """
    return [name if len(name) <= LONGEST_NAME else f"[{i}]" for i, name in enumerate(names, 1)]


def _told(one: Mean | None) -> str:
    return "–" if one is None else str(one)


def _edge(row: Row) -> str:
    return "*" if row.at_edge else ""


def _reached(row: Row) -> str:
    reached = f" ({row.reached}/{row.seeds})" if row.reached < row.seeds else ""
    return f"{say('not reached')}{reached}" if row.steps_to_target is None else f"{row.steps_to_target:.0f}{reached}"


def caption(summary: Summary) -> list[str]:
    """What the columns mean, in the fewest words that are still true."""
    settings = summary.settings
    losses = say(
        "Losses: mean ± standard deviation over n = {seeds} seeds. Best rate: the lowest mean {loss} among rates where "
        "no seed diverged.",
        seeds=summary.seeds,
        loss=said(f"{settings.chosen_by} loss"),
    )
    if settings.subject.tested:
        judge = say("Test loss, worst seed and other measures: on rows that chose nothing.")
        losses = say("{sentence} {next}", sentence=losses, next=judge)
    lines = [losses]
    if settings.reference is not None:
        every = settings.measure_every
        lines.append(say("Target: {target}, measured every {count} updates.", target=_target(summary), count=every))
    lines.append(
        say(
            "Good rates: how far apart (highest ÷ lowest) the rates around the best lie that stay within 10 % of its "
            "loss. Diverged: share of all runs, over all rates and seeds."
        )
    )
    if any(row.at_edge for row in summary.rows):
        lines.append(say("* at the edge of the rates that were tried: widen them with --rates LOW:HIGH:N."))
    return lines


def _target(summary: Summary) -> str:
    settings = summary.settings
    name = settings.strategies[settings.reference or 0].name
    row = next((row for row in summary.rows if row.name == name), None)
    if summary.target is None or row is None or row.best_base is None:
        return say("none, because {name} diverged at every base rate, or is not finished", name=name)
    return say(
        "{target:.4g}, the training loss that {name} reached at {rate:.4g} with every seed",
        target=summary.target,
        name=name,
        rate=row.best_base,
    )
